"""Whether the controllers have invokers that work, which ready pods do not tell.

A controller tests an invoker that is there with an action of its own and answers calls by 503 until
that has run. It tells the state of each without an account (upstream: Controller.scala, GET
/invokers); it is asked through the Kubernetes API, which reaches pods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from deploys.openwhisk.stages import STATEFUL, Progress, Seen
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.workloads import Object, replicas
from whisklab.errors import WhisklabError

CONTROLLER, INVOKER = "controller", "invoker"
HEALTHY = "up"  # upstream: Message.scala, InvokerState
_INVOKERS = "/api/v1/namespaces/{namespace}/pods/http:{pod}:{port}/proxy/invokers"


def tested(client: Client, namespace: str, release: str, seen: Seen,
           found: Sequence[Progress]) -> list[Progress]:  # fmt: skip
    """Return how far the stages are, the invokers' only reached when each controller uses them.

    One small request for each controller. One that cannot be asked says nothing against them:
    its own stage tells of it.

    Args:
        client: of the cluster.
        namespace: of OpenWhisk.
        release: its name.
        seen: the objects, of which all are as they should be.
        found: the stages, all of them reached.

    Raises:
        WhisklabError: the connection to the host is lost, or the chart is another one.
    """
    controllers = seen.objects[STATEFUL][f"{release}-{CONTROLLER}"]
    wanted, _ = replicas(seen.objects[STATEFUL][f"{release}-{INVOKER}"])
    for number in range(replicas(controllers)[0]):
        pod = f"{release}-{CONTROLLER}-{number}"
        path = _INVOKERS.format(namespace=namespace, pod=pod, port=_port(controllers))
        try:
            why = lacking(client.ask("GET", path), wanted)
        except (kube.Unreachable, kube.Refused):
            continue
        if why:
            return [
                replace(each, reached=False, why=f"{pod} {why}")
                if each.stage.name == INVOKER else each
                for each in found
            ]  # fmt: skip
    return list(found)


def lacking(states: Mapping[str, Any], wanted: int) -> str:
    """Return what a controller's invokers lack, the end of a sentence that it begins. Pure.

    Args:
        states: what it says of each, by name; those of earlier runs stay in it.
        wanted: how many should work.
    """
    healthy = sum(state == HEALTHY for state in states.values())
    if healthy >= wanted:
        return ""
    rest = ", ".join(f"{name} is {state}" for name, state in states.items() if state != HEALTHY)
    return f"can use {healthy} of {wanted}" + (f": {rest}" if rest else ": it knows no other yet")


def _port(controllers: Object) -> int:
    """Return the port of its API, which the chart calls by the component's own name."""
    for container in controllers["spec"]["template"]["spec"]["containers"]:
        for port in container.get("ports") or []:
            if port.get("name") == CONTROLLER:
                return int(port["containerPort"])
    raise WhisklabError(f"{controllers['metadata']['name']} has no port {CONTROLLER!r}")
