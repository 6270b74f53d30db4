"""Whether each node may pull from the registry, and nobody else; and that none may push."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api.host import Host

from deploys.registry import render
from whisklab.engine import asking, checks, registry
from whisklab.engine.asking import DENIED, GRANTED
from whisklab.engine.capability import capability
from whisklab.engine.declared import Platform
from whisklab.engine.machine import Machine
from whisklab.engine.registry import RegistrySettings
from whisklab.errors import WhisklabError

PULLS = "pulls from the registry, and only pulls"


@capability("registry", "verify")
def verify(platform: Platform) -> None:
    """On a node: it is let in with its account, not without, and not where images are pushed."""
    server, access = registry.server(), registry.access()
    if server is None or access is None or not platform.has(host):
        return
    settings, address = RegistrySettings.of(server), Machine.of(server).node_address
    pull, push = (render.url(address, door.port) for door in render.doors(settings))

    def ask(node: Host) -> str:
        found = asking.answers(node, access, pull, push)
        if found != [DENIED, GRANTED, DENIED]:
            raise WhisklabError(
                f"{pull} answers {' '.join(found) or 'nothing'} to {node.name}, expected "
                f"{DENIED} without an account, {GRANTED} with it, and {DENIED} at {push}: see "
                f"`journalctl -u whisklab-registry` on {server.name}"
            )
        return pull

    checks.check(name="Ask the registry", what=PULLS, work=ask)
