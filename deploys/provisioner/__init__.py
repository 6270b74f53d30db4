"""The provisioner of volumes on NFS."""

from deploys.provisioner.deploy import fetch, provisioner, storage_class
from deploys.provisioner.status import status
from deploys.provisioner.verify import verify

__all__ = ["fetch", "provisioner", "status", "storage_class", "verify"]
