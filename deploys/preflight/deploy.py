"""One report on all machines before anything changes."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host
from pyinfra.api import deploy

from deploys.preflight import operations
from deploys.preflight.checks import Wish
from deploys.preflight.settings import PreflightSettings
from whisklab.engine.machine import Machine


@deploy("preflight")
def preflight(*, ports: Mapping[int, str], open_ports: Mapping[str, str], containers: bool) -> None:
    """Look for what cannot work on this machine, and between all machines.

    Args:
        ports: TCP port to the service on this host that will listen there.
        open_ports: what a firewall of this host must let in (`8472/udp`, a network), and what for.
        containers: whether containers will run on this host.
    """
    wish = Wish(
        name=host.name,
        address=Machine.of(host).node_address,
        ports=ports,
        open_ports=open_ports,
        containers=containers,
        settings=PreflightSettings.of(host),
    )
    operations.fit(name="Machine is fit", wish=wish)


@deploy("preflight: memory")
def remember() -> None:
    """Have this machine remember its address, so that the next preflight notices a move."""
    operations.address_remembered(name="Address remembered", address=Machine.of(host).node_address)
