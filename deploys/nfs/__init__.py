"""NFS: the exports of the storage host, and what the others need to mount them."""

from deploys.nfs.deploy import is_server, nfs, open_ports, source
from deploys.nfs.verify import SERVED, cleaned, read, served, written

__all__ = [
    "SERVED",
    "cleaned",
    "is_server",
    "nfs",
    "open_ports",
    "read",
    "served",
    "source",
    "written",
]
