"""The service of k3s on a node: the same for a deploy and for a renewal."""

from __future__ import annotations

from collections.abc import Callable

from pyinfra import host
from pyinfra.api.host import Host

from deploys.k3s import render, wanted
from whisklab.engine.resources import services


def running(
    before: Callable[[Host], None] | None = None, after: Callable[[Host], None] | None = None
) -> None:
    """Have the service of this node run from just its files.

    Args:
        before: called before a start or restart.
        after: called when it answers again.
    """
    service, wish = wanted.node(host).service, wanted.service_wish(host)
    services.running(
        name=f"Service {service}",
        service=service,
        wish=wish,
        configuration=sorted(set(wish) - {render.BINARY}),
        health_url=render.KUBELET_HEALTH,
        before=before,
        after=after,
    )
