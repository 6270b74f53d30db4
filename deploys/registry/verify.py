"""Whether each node may pull from the registry, and nobody else; and that none may push."""

from __future__ import annotations

from functools import partial

from pyinfra import host
from pyinfra.api.host import Host

from deploys.registry import render
from whisklab.engine import asking, checks, registry
from whisklab.engine.access import Access
from whisklab.engine.asking import DENIED, GRANTED
from whisklab.engine.capability import capability
from whisklab.engine.declared import Platform
from whisklab.engine.machine import Machine
from whisklab.engine.registry import RegistrySettings
from whisklab.errors import WhisklabError

PULLS, PULLS_THERE = "pulls from the registry, and only pulls", "pulls from the registry"


@capability("registry", "verify")
def verify(platform: Platform) -> None:
    """On a node: it is let in with its account, and, where it is ours, not as anybody else."""
    access = registry.access()
    if access is None or not platform.has(host):
        return
    work = partial(_theirs if access.theirs else _ours, access)
    checks.check(name="Ask the registry", what=PULLS_THERE if access.theirs else PULLS, work=work)


def _ours(access: Access, node: Host) -> str:
    server = registry.machine()
    settings, address = RegistrySettings.of(server), Machine.of(server).node_address
    pull, push = (render.url(address, door.port) for door in render.doors(settings))
    found = asking.answers(node, access, *(f"{url}/v2/" for url in (pull, push)))
    if found != [DENIED, GRANTED, DENIED]:
        raise WhisklabError(
            f"{pull} answers {' '.join(found) or 'nothing'} to {node.name}, expected "
            f"{DENIED} without an account, {GRANTED} with it, and {DENIED} at {push}: see "
            f"`journalctl -u whisklab-registry` on {server.name}"
        )
    return pull


def _theirs(access: Access, node: Host) -> str:
    wrong = asking.amiss(access, asking.answers(node, access, *asking.pulls(access))[1:])
    if wrong is not None:
        url, found = wrong
        raise WhisklabError(
            f"{url} {asking.refusal(found, node.name, access.account)}: {asking.remedy(access)}"
        )
    return f"{access.url}/{access.project}".rstrip("/")
