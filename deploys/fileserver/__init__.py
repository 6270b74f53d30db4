"""A file server for networks without a way out."""

from deploys.fileserver.deploy import fetch, install, is_server, open_ports, ports, url

__all__ = ["fetch", "install", "is_server", "open_ports", "ports", "url"]
