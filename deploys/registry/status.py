"""The registry as it is now."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api.host import Host

from deploys.registry import render
from deploys.registry.deploy import is_server
from whisklab.engine.capability import capability
from whisklab.engine.declared import Platform
from whisklab.engine.machine import Machine
from whisklab.engine.overview import Line, tell
from whisklab.engine.registry import RegistrySettings
from whisklab.engine.room import FreeSpace
from whisklab.engine.services import Service

MB = 1 << 20


@capability("registry", "status")
def status(_: Platform) -> None:
    """On its machine: tell whether both services run, where, and how much room there is."""
    if not is_server():
        return
    doors = render.doors(RegistrySettings.of(host))

    def look(server: Host) -> list[Line]:
        space = server.get_fact(FreeSpace, paths=[render.DATA])[render.DATA]
        bad = [
            f"{door.service} does not run"
            for door in doors
            if server.get_fact(Service, service=door.service).active != "active"
        ]
        pull, push = (render.url(Machine.of(server).node_address, door.port) for door in doors)
        detail = "; ".join(bad) or f"{pull}; images go to {push}; {space.free // MB} MB are free"
        return [
            Line("registry", server.name, ok=not bad, detail=detail,
                 data={"pull": pull, "push": push, "free_bytes": space.free})
        ]  # fmt: skip

    tell(name="Registry", topic="registry", work=look)
