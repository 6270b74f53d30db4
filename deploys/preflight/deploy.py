"""One report on all hosts before anything changes."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra.api import deploy

from deploys.preflight import operations


@deploy("Preflight")
def preflight(ports: Mapping[int, str]) -> None:
    """Look for what cannot work.

    Args:
        ports: TCP port to the service on this host that will listen there.
    """
    operations.ports_free(name="Ports are free or our own", owners=ports)
