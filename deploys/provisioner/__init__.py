"""The provisioner of volumes on NFS."""

from deploys.provisioner.deploy import fetch, provisioner
from deploys.provisioner.verify import verify

__all__ = ["fetch", "provisioner", "verify"]
