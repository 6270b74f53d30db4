"""NFS: the exports of the storage host, and what the others need to mount them."""

from deploys.nfs.deploy import fetch, fit, is_server, nfs, open_ports, source
from deploys.nfs.needs import needs
from deploys.nfs.settings import NfsSettings
from deploys.nfs.status import status
from deploys.nfs.verify import cleaned, read, served, written
from whisklab.engine.run.declared import Capability, Step

__all__ = ["CAPABILITY", "fetch", "fit", "is_server", "nfs", "source"]

CAPABILITY = Capability(
    settings=[NfsSettings],
    open_ports=open_ports,
    status=status,
    checks=[
        Step("the storage was tried", served),
        Step("each node has written", written),
        Step("each node has read", read),
        Step("each node has cleaned up", cleaned),
    ],
    needs=needs,
)
