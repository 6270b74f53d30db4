"""A file server for networks without a way out."""

from deploys.fileserver.deploy import fetch, install, is_server, open_ports, ports, url
from deploys.fileserver.needs import needs
from deploys.fileserver.settings import FileServerSettings
from whisklab.engine.run.declared import Capability

__all__ = ["CAPABILITY", "fetch", "install", "is_server", "url"]

CAPABILITY = Capability(
    settings=[FileServerSettings], ports=ports, open_ports=open_ports, needs=needs
)
