"""One report on all machines before anything changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyinfra import host
from pyinfra.api import deploy
from pyinfra.api.host import Host

from deploys.preflight import operations
from deploys.preflight.checks import Wish
from deploys.preflight.settings import PreflightSettings
from whisklab.engine.data.machine import Machine


@deploy("preflight")
def preflight(
    *,
    ports: Mapping[int, str],
    open_ports: Mapping[str, str],
    nodes: Sequence[Host],
    makes_route: bool,
) -> None:
    """Look for what cannot work on this machine, and between all machines.

    Args:
        ports: TCP port to the service on this host that will listen there.
        open_ports: what a firewall of this host must let in (`8472/udp`, a network), and what for.
        nodes: the machines on which containers will run.
        makes_route: whether this host gets a default route when its k3s starts.
    """
    wish = Wish(
        name=host.name,
        address=Machine.of(host).node_address,
        ports=ports,
        open_ports=open_ports,
        containers=host.name in {each.name for each in nodes},
        makes_route=makes_route,
        settings=PreflightSettings.of(host),
    )
    by_route = [each.name for each in nodes if Machine.of(each).node_interface is None]
    operations.fit(name="Machine is fit", wish=wish, by_route=by_route)


@deploy("preflight: memory")
def remember() -> None:
    """Have this machine remember its address, so that the next preflight notices a move."""
    operations.address_remembered(name="Address remembered", address=Machine.of(host).node_address)
