"""What the pod of an action container looks like: as upstream's invoker makes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from openwhisk_standin.values import Doc, setting

CONTAINER = "user-action"  # upstream's name of it
PORT = 8080
_NO_AFFINITY = "-Dwhisk.kubernetes.user-pod-node-affinity.enabled=false"


@dataclass(frozen=True)
class Place:
    """Whose pods they are, and where they may run."""

    invoker: str
    release: str
    affinity: bool

    @classmethod
    def from_environment(cls, invoker: str) -> Place:
        """Read what upstream's chart sets."""
        affinity = _NO_AFFINITY not in setting("INVOKER_OPTS", " ").split()
        return cls(invoker, setting("CONFIG_whisk_helm_release", "openwhisk"), affinity)


def pod_name(title: str) -> str:
    """Return a name that a pod may have."""
    return re.sub(r"[^a-z0-9-]+", "", title.lower())[:63].rstrip("-")


def pod_of(name: str, image: str, memory: int, env: Mapping[str, str], place: Place) -> Doc:
    """Return an action container's pod, as upstream's invoker makes it."""
    amount = {"memory": f"{memory}Mi"}
    container = {
        "name": CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "ports": [{"containerPort": PORT, "name": "action"}],
        "resources": {"limits": amount, "requests": amount},
        "securityContext": {"capabilities": {"drop": ["NET_RAW", "NET_ADMIN"]}},
    }
    spec: Doc = {
        "restartPolicy": "Always",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container],
    }
    if place.affinity:
        role = {"key": "openwhisk-role", "operator": "In", "values": ["invoker"]}
        terms = {"nodeSelectorTerms": [{"matchExpressions": [role]}]}
        spec["affinity"] = {
            "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}
        }
    labels = {
        "name": name,
        "user-action-pod": "true",
        "invoker": place.invoker,
        "release": place.release,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
    }
