"""NFS: the exports of the storage host, and what the others need to mount them."""

from deploys.nfs.deploy import fit, is_server, nfs, open_ports, source
from deploys.nfs.status import status
from deploys.nfs.verify import SERVED, cleaned, read, served, written

__all__ = [
    "SERVED",
    "cleaned",
    "fit",
    "is_server",
    "nfs",
    "open_ports",
    "read",
    "served",
    "source",
    "status",
    "written",
]
