"""Pods whose service account was made anew: the API refuses their tokens.

A token is bound to the uid of its account. The kubelet takes another one only when four fifths of
its hour are over, so a program that asks the API (an invoker, a provisioner) fails until then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from whisklab.engine.drift.compare import Drift
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.objects import POD, Id, Object
from whisklab.engine.kubernetes.workloads import controller

ACCOUNT = "ServiceAccount"
_BINDINGS = ("RoleBinding", "ClusterRoleBinding")
_PODS = "/api/v1/namespaces/{}/pods"


def void_tokens(
    api: Client, wanted: Mapping[Id, Object], live: Mapping[Id, Object], namespace: str
) -> Iterator[Drift]:
    """Return the pods that must be made anew, because their token is of an account that is gone.

    Only accounts that a binding of the same objects names count: the others may do nothing, so
    nobody uses their tokens. Pods are asked for only where an account is younger than what runs
    as it.

    Args:
        api: of the cluster.
        wanted: all objects, as they should be.
        live: those of them that are there.
        namespace: of objects that name none.
    """
    users = _users(live)
    for name in wanted:
        if name.kind != ACCOUNT or name not in live or not _bound(wanted, name):
            continue
        made = live[name]["metadata"].get("creationTimestamp", "")
        if not any(began < made for began in users.get(name.name, ())):
            continue
        space = name.namespace or namespace
        for pod in api.items(_PODS.format(space)):
            if _holds_one_of_before(pod, name.name, made):
                # The items of a list do not say what they are.
                found = {**pod, "apiVersion": "v1", "kind": POD}
                yield Drift(Id(POD, space, pod["metadata"]["name"]), (), found, void=name.name)


def _users(live: Mapping[Id, Object]) -> dict[str, list[str]]:
    """Return account to when the workloads that run as it were made."""
    found: dict[str, list[str]] = {}
    for each in live.values():
        template = (each.get("spec") or {}).get("template") or {}
        account = (template.get("spec") or {}).get("serviceAccountName")
        if account:
            made = each["metadata"].get("creationTimestamp", "")
            found.setdefault(account, []).append(made)
    return found


def _bound(wanted: Mapping[Id, Object], account: Id) -> bool:
    return any(
        (subject.get("kind"), subject.get("name")) == (ACCOUNT, account.name)
        for name, each in wanted.items()
        if name.kind in _BINDINGS
        for subject in each.get("subjects") or []
    )


def _holds_one_of_before(pod: Object, account: str, made: str) -> bool:
    """Tell whether a pod has such a token, and somebody makes it anew when it is deleted."""
    metadata, spec = pod["metadata"], pod["spec"]
    return (
        spec.get("serviceAccountName") == account
        and metadata.get("creationTimestamp", "") < made
        and "deletionTimestamp" not in metadata
        and controller(pod) is not None
        and any(
            "serviceAccountToken" in source
            for volume in spec.get("volumes") or []
            for source in (volume.get("projected") or {}).get("sources") or []
        )
    )
