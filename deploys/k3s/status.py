"""The nodes of the cluster as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyinfra.api.host import Host

from deploys.k3s import packed, render, token
from deploys.k3s.settings import K3S
from whisklab.engine.data.machine import Machine
from whisklab.engine.drift.settings import DriftSettings
from whisklab.engine.kubernetes import client
from whisklab.engine.kubernetes.workloads import is_ready
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
from whisklab.engine.run.overview import Line, tell

NODES = "nodes"
REMOVAL = "enter it, or drain it, disable its k3s (else it returns) and `kubectl delete node` it"
ROLE = "node-role.kubernetes.io/"


@capability(K3S, "status")
def status(platform: Platform) -> None:
    """On the leader: tell each node's state, and where the API is."""
    api, names = platform.api, [each.name for each in platform.nodes]

    def nodes(leader: Host) -> list[Line]:
        found = client.Client(leader, api).items(client.NODES)
        return lines(found, names)

    def url(leader: Host) -> list[Line]:
        there = render.url(Machine.of(leader).node_address, api.port)
        return [Line("urls", "kubernetes", ok=True, detail=there, data={"url": there})]

    def brought(leader: Host) -> list[Line]:
        directory = f"{token.data(leader)}/server/manifests"
        if not packed.packs(leader, directory):
            return []
        found = packed.told(packed.look(leader, api, directory, DriftSettings.of(leader).ignored))
        return [Line(K3S, "packed", ok=not found, detail="; ".join(found) or "as it was packed")]

    tell(name="Nodes", topic=NODES, work=nodes)
    tell(name="What k3s brings itself", topic=K3S, work=brought)
    tell(name="Kubernetes API", topic="urls", work=url)


def lines(items: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[Line]:
    """Return a line for each node that is or should be there. Pure.

    Args:
        items: the nodes, as the API has them.
        names: those that should be there.
    """
    there = {each["metadata"]["name"]: each for each in items}
    missing = [
        Line(NODES, name, ok=False, detail="not in the cluster")
        for name in names
        if name not in there
    ]
    lines = (_line(name, each) for name, each in there.items())
    foreign = f"; it is not in the inventory: {REMOVAL}"
    return [
        *(
            each if each.name in names else replace(each, ok=False, detail=each.detail + foreign)
            for each in lines
        ),
        *missing,
    ]


def _line(name: str, node: Mapping[str, Any]) -> Line:
    ready, cordoned = is_ready(node), bool(node["spec"].get("unschedulable"))
    version = node["status"]["nodeInfo"]["kubeletVersion"]
    labels = node["metadata"].get("labels") or {}
    roles = sorted(key.removeprefix(ROLE) for key in labels if key.startswith(ROLE))
    ours = sorted(f"{key}={value}" for key, value in labels.items() if "/" not in key)
    words = ["Ready" if ready else "not Ready", *(["cordoned"] if cordoned else []), version]
    return Line(
        NODES,
        name,
        ok=ready and not cordoned,
        detail=" ".join([*words, *roles, *ours]),
        data={"ready": ready, "cordoned": cordoned, "version": version, "roles": roles,
              "labels": ours},
    )  # fmt: skip
