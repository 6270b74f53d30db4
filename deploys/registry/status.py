"""The registry as it is now."""

from __future__ import annotations

from functools import partial

from pyinfra import host
from pyinfra.api.host import Host

from deploys.registry import render
from deploys.registry.deploy import is_server
from whisklab.engine.data.machine import Machine
from whisklab.engine.registries import asking, registry
from whisklab.engine.registries.access import Access
from whisklab.engine.registries.registry import RegistrySettings
from whisklab.engine.resources.room import FreeSpace
from whisklab.engine.resources.units import Service
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
from whisklab.engine.run.overview import Line, tell

MB = 1 << 20


@capability("registry", "status")
def status(platform: Platform) -> None:
    """On its machine: tell whether both services run, where, and how much room there is.

    Of a registry that is not ours the first server tells whether it lets it pull.
    """
    if is_server():
        tell(name="Registry", topic="registry", work=_ours)
    elif host.name == platform.leader.name:
        access = registry.access()
        if access is not None and access.theirs:
            tell(name="Registry", topic="registry", work=partial(_theirs, access))


def _ours(server: Host) -> list[Line]:
    doors = render.doors(RegistrySettings.of(server))
    space = server.get_fact(FreeSpace, paths=[render.DATA])[render.DATA]
    bad = [
        f"{door.service} does not run"
        for door in doors
        if server.get_fact(Service, service=door.service).active != "active"
    ]
    pull, push = (render.url(Machine.of(server).node_address, door.port) for door in doors)
    detail = "; ".join(bad) or f"{pull}; images go to {push}; {space.free // MB} MB are free"
    data = {"pull": pull, "push": push, "free_bytes": space.free}
    return [Line("registry", server.name, ok=not bad, detail=detail, data=data)]


def _theirs(access: Access, server: Host) -> list[Line]:
    wrong = asking.amiss(access, asking.answers(server, access, *asking.pulls(access))[1:])
    url = f"{access.url}/{access.project}".rstrip("/")
    who = f"nodes pull as {access.account}" if access.account else "nodes pull without an account"
    bad = wrong and f"{wrong[0]} {asking.refusal(wrong[1], server.name, access.account)}"
    return [
        Line("registry", access.address, ok=not bad, detail=bad or f"{url}, not ours; {who}",
             data={"pull": url, "push": url})
    ]  # fmt: skip
