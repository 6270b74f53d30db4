"""NFS: the exports of the storage host, and what the others need to mount them."""

from deploys.nfs.deploy import is_server, nfs, open_ports

__all__ = ["is_server", "nfs", "open_ports"]
