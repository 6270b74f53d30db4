"""Files over HTTP, for what has no way out."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host, inventory
from pyinfra.api.host import Host

from deploys.fileserver import render
from deploys.fileserver.settings import FileServerSettings
from whisklab.engine.artifacts.entries import Artifact
from whisklab.engine.data.machine import Machine
from whisklab.engine.resources import files, packages, pushing, room, services
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform


def _server() -> Host | None:
    return next(iter(inventory.get_group("registry", default=[])), None)


def is_server() -> bool:
    """Tell whether this host serves files."""
    server = _server()
    return server is not None and server.name == host.name


def url() -> str | None:
    """Return the URL of what is served; None where no host is in the group `registry`."""
    server = _server()
    if server is None:
        return None
    return render.url(Machine.of(server).node_address, FileServerSettings.of(server).port)


def ports(_: Platform) -> dict[int, str]:
    """Return the TCP port on which it listens on this host, and its service."""
    return {FileServerSettings.of(host).port: render.SERVICE} if is_server() else {}


def open_ports(platform: Platform) -> dict[str, str]:
    """Return what a firewall of this host must let in for it, and what for."""
    return {f"{port}/tcp": "the file server" for port in ports(platform)}


@capability("fileserver", "fetch")
def fetch(served: Mapping[str, Artifact]) -> None:
    """On the server: have what it serves on the laptop before any host is changed.

    Args:
        served: name below the URL to artifact.
    """
    if served:
        packages.ahead(list(render.PACKAGES))
    files = [(artifact, render.path(name)) for name, artifact in served.items()]
    room.room(name="Room for what is served", files=files)
    for name, artifact in host.loop(list(served.items())):
        pushing.fetched(name=f"{name} in the cache", artifact=artifact, path=render.path(name))


@capability("fileserver", "install")
def install(served: Mapping[str, Artifact]) -> None:
    """On the server: have these files served, if there are any.

    Args:
        served: name below the URL to artifact.
    """
    if not served:
        return
    packages.installed(name="Packages", names=list(render.PACKAGES))
    for name, artifact in host.loop(list(served.items())):
        pushing.pushed(name=f"File {name}", artifact=artifact, path=render.path(name), mode="644")
    port, address = FileServerSettings.of(host).port, Machine.of(host).node_address
    content = render.unit(address, port)
    files.content(name="systemd unit", path=render.UNIT, content=content)
    services.running(
        name=f"Service {render.SERVICE}",
        service=render.SERVICE,
        wish=render.wish(content),
        configuration=[render.UNIT],
        health_url=f"{render.url(address, port)}/",
    )
