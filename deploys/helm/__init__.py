"""The Helm CLI."""

from deploys.helm.deploy import fetch, install
from deploys.helm.needs import needs
from deploys.helm.settings import HelmSettings
from deploys.helm.status import status
from whisklab.engine.run.declared import Capability, on_leader

__all__ = ["CAPABILITY", "fetch", "install"]

CAPABILITY = Capability(settings=[HelmSettings], status=on_leader(status), needs=needs)
