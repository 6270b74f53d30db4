"""Labels and taints of all nodes, set through the API of one server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyinfra.api.host import Host

from deploys.labels import operations
from deploys.labels.settings import NodeSettings
from whisklab.engine.kubernetes.kube import Endpoint
from whisklab.engine.run.capability import capability


@capability("labels")
def labels(nodes: Sequence[Host], api: Endpoint) -> None:
    """Have the labels and taints that each node's data name.

    Args:
        nodes: the machines of the cluster.
        api: of this server.
    """
    for each in nodes:
        settings = NodeSettings.of(each)
        operations.node(
            name=f"Labels and taints of {each.name}",
            node=each.name,
            labels=settings.labels,
            taints=settings.taints,
            api=api,
        )


def values(nodes: Iterable[Host], key: str) -> dict[str, str | None]:
    """Return the value of a label in each node's data, by the node's name; None for none."""
    return {each.name: NodeSettings.of(each).labels.get(key) for each in nodes}
