"""Whether each node may pull from the registry, and nobody else; and that none may push."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra import host
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from deploys.registry import render
from whisklab.engine.data.machine import Machine
from whisklab.engine.registries import asking, registry
from whisklab.engine.registries.access import Access
from whisklab.engine.registries.asking import DENIED, GRANTED
from whisklab.engine.registries.registry import RegistrySettings
from whisklab.engine.run import checks
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
from whisklab.engine.ssh.remote import run_quietly
from whisklab.errors import WhisklabError

NOTHING = "whisklab/nothing:none"  # an image that nobody has: who may pull is told so
PULLS, PULLS_THERE = "pulls from the registry, and only pulls", "pulls from the registry"


@capability("registry", "verify")
def verify(platform: Platform) -> None:
    """On a node: it is let in with its account, and, where it is ours, not as anybody else."""
    access = registry.access()
    if access is None or not platform.has(host):
        return

    def work(node: Host) -> str:
        found = _theirs(access, node) if access.theirs else _ours(access, node)
        if access.project or not access.theirs:  # else some refuse what nobody has
            _by_runtime(access, node, platform.crictl)
        return found

    checks.check(name="Ask the registry", what=PULLS_THERE if access.theirs else PULLS, work=work)


def _by_runtime(access: Access, node: Host, crictl: Sequence[str]) -> None:
    # It may hold another account, or an older trust, than curl is given.
    image = f"{access.address}/{access.below}{NOTHING}"
    command = StringCommand(*map(QuoteString, [*crictl, "pull", image]), "2>&1", "||", "true")
    said = run_quietly(node, command).strip()
    wrong = refused(said, image)
    if wrong is not None:
        raise WhisklabError(
            f"the container runtime of {node.name} is not let in by https://{access.address}, "
            f"though curl is ({wrong}): it has another certificate or account than is wanted, or "
            "still holds an old one: run `whisklab apply`, and restart k3s there if that changes "
            "nothing"
        )


def refused(said: str, image: str) -> str | None:
    """Return why a pull of an image that nobody has came to another end. Pure.

    Args:
        said: by crictl.
        image: that it was to pull.

    Returns:
        None if the registry has let it in; or if no runtime is there to pull, which others tell.
    """
    lines = [line for line in said.splitlines() if image in line]
    if not lines or any("not found" in line for line in lines):
        return None
    return lines[-1].rpartition(image)[2].lstrip('\\": ').rstrip('"')


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
