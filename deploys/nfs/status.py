"""The exports of the storage host as they are now."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api.host import Host

from deploys.nfs import disks, render
from deploys.nfs.deploy import is_server
from deploys.nfs.facts import Server, ServerState
from deploys.nfs.settings import NfsSettings
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
from whisklab.engine.run.overview import Line, tell

STORAGE = "storage"


@capability("nfs", "status")
def status(platform: Platform) -> None:
    """On a storage host: tell whether it exports what the data say, from disks that take data."""
    if not is_server():
        return
    exports = render.exports(NfsSettings.of(host).exports, sorted(platform.addresses))

    paths = sorted({entry.path for entry in exports})

    def look(server: Host) -> list[Line]:
        state: Server = server.get_fact(ServerState, paths=paths)
        bad = [
            *state.lacks(exports),
            *disks.why_not_written(server.name, exports, state.disks),
        ]
        if not state.active:
            bad = [f"{render.SERVICE} does not run"]
        detail = "; ".join(bad) or f"exports {', '.join(paths)}"
        return [Line(STORAGE, server.name, ok=not bad, detail=detail, data={"exports": paths})]

    tell(name="Exports", topic=STORAGE, work=look)
