"""The provisioner of volumes on NFS."""

from deploys.provisioner.deploy import archived, fetch, provisioner, release_names, storage_class
from deploys.provisioner.needs import needs
from deploys.provisioner.settings import ProvisionerSettings
from deploys.provisioner.status import status
from deploys.provisioner.verify import verify
from whisklab.engine.run.declared import Capability, Step, on_leader

__all__ = ["CAPABILITY", "archived", "fetch", "provisioner", "release_names", "storage_class"]

CAPABILITY = Capability(
    settings=[ProvisionerSettings],
    status=on_leader(status),
    checks=[Step("a claim was tried", on_leader(verify))],
    needs=needs,
)
