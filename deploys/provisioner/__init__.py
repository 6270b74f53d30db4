"""The provisioner of volumes on NFS."""

from deploys.provisioner.deploy import fetch, provisioner

__all__ = ["fetch", "provisioner"]
