"""The provisioner of volumes on NFS."""

from deploys.provisioner.deploy import archived, fetch, provisioner, storage_class
from deploys.provisioner.status import status
from deploys.provisioner.verify import verify

__all__ = ["archived", "fetch", "provisioner", "status", "storage_class", "verify"]
