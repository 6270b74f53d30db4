"""Operations of preflight: they only look; with a finding they fail their host."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand

from deploys.preflight.facts import Listener, Listeners
from whisklab.engine.remote import fail


def taken(listeners: list[Listener], owners: Mapping[int, str]) -> list[str]:
    """Return a sentence for each port that somebody else than its owner listens on. Pure.

    Args:
        listeners: who listens now.
        owners: port to the name of the service that may.
    """
    return [
        f"port {each.port}, which {owners[each.port]} needs, is taken by {each.command} "
        f"(pid {each.pid}): stop it, or set another port"
        for each in listeners
        if each.unit != f"{owners[each.port]}.service"
    ]


@operation()
def ports_free(owners: Mapping[int, str]) -> Generator[FunctionCommand]:
    """Find each port free or held by its own service; yields nothing when it is so."""
    findings = taken(host.get_fact(Listeners, ports=sorted(owners)), owners)
    if findings:
        yield fail("; ".join(findings))
