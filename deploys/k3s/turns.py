"""One node's turn in a rolling change, seen through the Kubernetes API of the first server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pyinfra.api.host import Host

from deploys.k3s import workloads
from deploys.k3s.workloads import Object, Workload
from whisklab.engine import kube, services
from whisklab.engine.progress import tell
from whisklab.errors import WhisklabError

TOLD_EVERY = 10.0  # seconds
POLL = 1.0
STEADY = 5  # looks: the kubelet reports its pods a moment after itself
TOO_MANY = 429  # HTTP: a disruption budget says not now
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"  # taint of a node that is cordoned
NODES, PODS = "/api/v1/nodes", "/api/v1/pods"


def wait(
    who: Host, problem: Callable[[], str | None], within: float, remedy: str, *,
    steady: int = 1, causes: Callable[[], Iterable[str]] = tuple,
) -> None:  # fmt: skip
    """Wait until `problem()` is None, telling it every few seconds; Unreachable is one too.

    Args:
        who: the host that waits.
        problem: half a sentence, None when there is none.
        within: seconds.
        remedy: what to do, for the error.
        steady: it must be None so many times, POLL apart.
        causes: looks why there is a problem, for what is told and for the error.

    Raises:
        WhisklabError: it still is one after `within` seconds.
    """
    start = told = time.monotonic()
    well = 0
    while True:
        try:
            why = problem()
        except kube.Unreachable as error:
            why = str(error)
        well = well + 1 if why is None else 0
        if well == steady:
            return
        now = time.monotonic()
        if why and now - start > within:
            because = "; ".join([why, *causes()])
            raise WhisklabError(f"after {within:.0f} s still {because}: {remedy}")
        if why and now - told > TOLD_EVERY:
            told = now
            tell(f"{who.name}: waiting, {'; '.join([why, *causes()])}")
        time.sleep(POLL)


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
        replaced: labels of pods without a controller that may go, see `workloads.cannot_move`.
    """

    leader: Host
    api: kube.Endpoint
    node: str
    service: str
    version: str
    within: float
    drain: bool
    replaced: frozenset[str] = frozenset()
    _before: dict[Workload, int] = field(default_factory=dict)

    def check(self) -> None:
        """Look whether the node can be drained, if that is wanted, before anything is changed.

        Raises:
            WhisklabError: it cannot, or the API does not answer.
        """
        if self.drain:
            self._require_movable()

    def _require_movable(self) -> None:
        pods = workloads.evictable(self.node, self._pods())
        alone = workloads.cannot_move(pods, self.replaced)
        if alone:
            raise WhisklabError(
                f"{self.node} cannot be drained, nobody would start {', '.join(alone)} again: "
                "delete them, or set k3s_drain = False"
            )

    def begin(self, host: Host) -> None:
        """Remember what works on the node; drain it when that is wanted.

        Raises:
            WhisklabError: it cannot be drained.
        """
        try:
            self._before = workloads.ready_on(self.node, self._pods())
        except kube.Unreachable:
            return  # nothing can be moved, nothing is known to work
        if self.drain and (node := self._node()):
            self._cordon(node)
            self._drain(host)

    def settle(self, host: Host) -> None:
        """Wait until the node is back and what worked works again; end a cordon of ours.

        Raises:
            WhisklabError: after `within` seconds it does not.
        """
        since = services.started_at(host, self.service)
        wait(host, lambda: self._unsettled(since), self.within,
             "mend that and run again, which goes on from here", steady=STEADY)  # fmt: skip
        uncordon(self.leader, self.api, self.node)

    def _unsettled(self, since: float) -> str | None:
        node = self._node()
        if node is None:
            return f"{self.node} is not a node of the cluster yet"
        why = workloads.unsettled(node, since, self.version)
        if why:
            return why
        missing = workloads.missing(self._before, self._pods())
        return f"not ready: {', '.join(missing)}" if missing else None

    def _node(self) -> Object | None:  # None before it has ever joined
        found: Object | None = kube.get(self.leader, self.api, f"{NODES}/{self.node}")
        return found

    def _pods(self) -> list[Object]:
        return list(kube.request(self.leader, self.api, "GET", PODS)["items"])

    def _cordon(self, node: Object) -> None:
        if not node["spec"].get("unschedulable"):  # else it is somebody else's cordon, and stays
            _patch(self.leader, self.api, self.node, cordoned=True)

    def _drain(self, host: Host) -> None:
        try:
            self._require_movable()
        except WhisklabError:
            uncordon(self.leader, self.api, self.node)
            raise
        wait(host, self._unseen, self.within, "see `journalctl -u k3s` on the servers")
        wait(host, self._undrained, self.within, "see what keeps them, such as a disruption budget")

    def _unseen(self) -> str | None:
        # Pods end at once, and who sends them requests learns of it from the same controllers,
        # which may have been restarted a moment ago: their taint shows that they work. (Not on a
        # node that somebody had cordoned before.)
        taints = ((self._node() or {}).get("spec") or {}).get("taints") or []
        if any(each["key"] == UNSCHEDULABLE for each in taints):
            return None
        return f"{self.node} is cordoned, and the controller manager has not seen it"

    def _undrained(self) -> str | None:
        left = workloads.evictable(self.node, self._pods())
        for pod in left:
            if "deletionTimestamp" not in pod["metadata"]:
                _evict(self.leader, self.api, pod)
        names = sorted(workloads.full_name(pod) for pod in left)
        return f"on {self.node}: {', '.join(names)}" if names else None


def cordoned(leader: Host, api: kube.Endpoint) -> list[str]:
    """Return the nodes that we cordoned, and that nobody has uncordoned yet."""
    nodes = kube.request(leader, api, "GET", NODES)["items"]
    return [each["metadata"]["name"] for each in nodes if _is_ours(each)]


def _is_ours(node: Object) -> bool:
    return workloads.CORDONED in (node["metadata"].get("annotations") or {})


def uncordon(leader: Host, api: kube.Endpoint, node: str) -> None:
    """End our cordon of a node; somebody else's stays. Idempotent."""
    if _is_ours(kube.request(leader, api, "GET", f"{NODES}/{node}")):
        _patch(leader, api, node, cordoned=False)


def _patch(leader: Host, api: kube.Endpoint, node: str, *, cordoned: bool) -> None:
    body = {
        "metadata": {"annotations": {workloads.CORDONED: "yes" if cordoned else None}},
        "spec": {"unschedulable": cordoned or None},
    }
    kube.request(leader, api, "PATCH", f"{NODES}/{node}", body, content_type=kube.MERGE)


def _evict(leader: Host, api: kube.Endpoint, pod: Object) -> None:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
    try:
        kube.request(leader, api, "POST", path, body)
    except kube.Refused as error:
        if error.status not in (kube.NOT_FOUND, TOO_MANY):
            raise WhisklabError(f"{namespace}/{name} cannot be moved: {error}") from error
