"""One node's turn in a rolling change, seen through the Kubernetes API of the first server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pyinfra.api.host import Host

from deploys.k3s import nodes
from deploys.k3s.nodes import Replaced
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import NODES, PODS, Client
from whisklab.engine.kubernetes.waiting import wait
from whisklab.engine.kubernetes.workloads import Object, Workload, evictable, full_name
from whisklab.engine.resources import units
from whisklab.errors import WhisklabError

STEADY = 5  # looks: the kubelet reports its pods a moment after itself
TOO_MANY = 429  # HTTP: a disruption budget says not now
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"  # taint of a node that is cordoned


@dataclass
class Turn:
    """What is asked of a node before and after its k3s is restarted.

    Attributes:
        leader: the server whose API is asked.
        api: of that server.
        node: the node's name.
        service: its unit.
        version: what its kubelet must report afterwards.
        within: how long it may take to drain, and to settle, in seconds.
        drain: whether its pods are moved away before.
        replaced: tells which pods without a controller may go, see `nodes.immovable`.
    """

    leader: Host
    api: kube.Endpoint
    node: str
    service: str
    version: str
    within: float
    drain: bool
    replaced: Replaced = nodes.nobody
    _before: dict[Workload, int] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        """Of the cluster."""
        return Client(self.leader, self.api)

    def check(self) -> None:
        """Look whether the node can be drained, if that is wanted, before anything is changed.

        Raises:
            WhisklabError: it cannot, or the API does not answer.
        """
        if self.drain:
            self._require_movable()

    def _require_movable(self) -> None:
        if why := nodes.immovable(self.node, self._pods(), self.replaced):
            raise WhisklabError(why)

    def begin(self, host: Host) -> None:
        """Remember what works on the node; drain it when that is wanted.

        Raises:
            WhisklabError: it cannot be drained.
        """
        try:
            self._before = nodes.ready_on(self.node, self._pods())
        except kube.Unreachable:
            return  # nothing can be moved, nothing is known to work
        if self.drain and (node := self._node()):
            self._cordon(node)
            self._drain(host)

    def settle(self, host: Host) -> None:
        """Wait until the node is back, end a cordon of ours; wait until what worked works again.

        Raises:
            WhisklabError: after `within` seconds it is not, or does not.
        """
        since = units.started_at(host, self.service)
        remedy = "mend that and run again, which goes on from here"
        wait(host, lambda: self._away(since), self.within, remedy)
        # Before its pods are waited for: some may run nowhere else.
        uncordon(self.client, self.node)
        wait(host, lambda: self._unsettled(since), self.within, remedy, steady=STEADY)

    def _away(self, since: float) -> str | None:
        node = self._node()
        if node is None:
            return f"{self.node} is not a node of the cluster yet"
        return nodes.unsettled(node, since, self.version)

    def _unsettled(self, since: float) -> str | None:
        if why := self._away(since):
            return why
        missing = nodes.missing(self._before, self._pods())
        return f"not ready: {', '.join(missing)}" if missing else None

    def _node(self) -> Object | None:  # None before it has ever joined
        found: Object | None = self.client.get(f"{NODES}/{self.node}")
        return found

    def _pods(self) -> Sequence[Object]:
        return self.client.items(PODS)

    def _cordon(self, node: Object) -> None:
        if not node["spec"].get("unschedulable"):  # else it is somebody else's cordon, and stays
            _patch(self.client, self.node, cordoned=True)

    def _drain(self, host: Host) -> None:
        try:
            self._require_movable()
        except WhisklabError:
            uncordon(self.client, self.node)
            raise
        wait(host, self._unseen, self.within, "see `journalctl -u k3s` on the servers")
        wait(host, self._undrained, self.within, "see what keeps them, or set k3s_drain = False")

    def _unseen(self) -> str | None:
        # Pods end at once, and who sends them requests learns of it from the same controllers,
        # which may have been restarted a moment ago: their taint shows that they work. (Not on a
        # node that somebody had cordoned before.)
        taints = ((self._node() or {}).get("spec") or {}).get("taints") or []
        if any(each["key"] == UNSCHEDULABLE for each in taints):
            return None
        return f"{self.node} is cordoned, and the controller manager has not seen it"

    def _undrained(self) -> str | None:
        left: list[str] = []
        for pod in evictable(self.node, self._pods()):
            kept = None
            if "deletionTimestamp" not in pod["metadata"]:
                kept = _evict(self.client, pod)
            left.append(full_name(pod) + (f" ({kept})" if kept else ""))
        return f"on {self.node}: {', '.join(sorted(left))}" if left else None


def cordoned(client: Client) -> list[str]:
    """Return the nodes that we cordoned, and that nobody has uncordoned yet."""
    return [each["metadata"]["name"] for each in client.items(NODES) if _is_ours(each)]


def _is_ours(node: Object) -> bool:
    return nodes.CORDONED in (node["metadata"].get("annotations") or {})


def uncordon(client: Client, node: str) -> None:
    """End our cordon of a node; somebody else's stays. Idempotent."""
    if _is_ours(client.ask("GET", f"{NODES}/{node}")):
        _patch(client, node, cordoned=False)


def _patch(client: Client, node: str, *, cordoned: bool) -> None:
    body = {
        "metadata": {"annotations": {nodes.CORDONED: "yes" if cordoned else None}},
        "spec": {"unschedulable": cordoned or None},
    }
    client.merge(f"{NODES}/{node}", body)


def _evict(client: Client, pod: Object) -> str | None:
    """Have a pod end; returns what of its disruption budget does not let it."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
    try:
        client.create(path, body)
    except kube.Refused as error:
        if error.status == TOO_MANY:
            return "; ".join(error.causes) or str(error)
        if error.status != kube.NOT_FOUND:
            raise WhisklabError(f"{namespace}/{name} cannot be moved: {error}") from error
    return None
