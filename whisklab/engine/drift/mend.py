"""Putting back what differs: an object made again, or just the fields that differ."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from whisklab.engine.drift.compare import Drift
from whisklab.engine.drift.kinds import Kinds
from whisklab.engine.drift.look import Wanted, look
from whisklab.engine.drift.patches import patch, patch_kind, widened
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.objects import Id, Object
from whisklab.errors import WhisklabError

# As Helm installs them; what is not named comes last.
ORDER = (
    "PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange",
    "PodDisruptionBudget", "ServiceAccount", "Secret", "ConfigMap", "StorageClass",
    "PersistentVolume", "PersistentVolumeClaim", "CustomResourceDefinition", "ClusterRole",
    "ClusterRoleBinding", "Role", "RoleBinding", "Service", "DaemonSet", "Pod", "ReplicaSet",
    "Deployment", "StatefulSet", "Job", "CronJob", "IngressClass", "Ingress", "APIService",
)  # fmt: skip


def mend(
    api: Client,
    drift: Iterable[Drift],
    namespace: str,
    *,
    marked: Mapping[str, Mapping[str, str]],
    fixed: Collection[str] = (),
    remove: Callable[[Id], None] | None = None,
) -> None:
    """Put objects back as they are wished. Idempotent.

    Args:
        api: of the cluster.
        drift: what differs.
        namespace: of objects that name none.
        marked: labels and annotations by which an object that is made again is known as ours.
        fixed: kinds that are made anew where the API refuses to change one.
        remove: deletes such an object and waits until it is gone.

    Raises:
        WhisklabError: the API refuses one; it and the cause are named.
    """
    kinds = Kinds(api)
    for each in sorted(drift, key=lambda found: _rank(found.name.kind)):
        path = kinds.path(each.wanted, namespace)
        try:
            if each.void:
                api.delete(f"{path}/{each.name.name}")
            elif each.missing:
                _create(api, path, each.wanted, marked)
            else:
                _put_back(api, path, each, marked, remove if each.name.kind in fixed else None)
        except (kube.Refused, kube.Faulted) as error:
            raise WhisklabError(f"{each.name} cannot be put back: {error}") from error


def put_back(
    api: Client,
    wanted: Wanted,
    *,
    marked: Mapping[str, Mapping[str, str]],
    fixed: Collection[str] = (),
    remove: Callable[[Id], None] | None = None,
) -> None:
    """Look, and put back what differs; once more, since an account made again voids tokens.

    Args:
        api: of the cluster.
        wanted: the objects as they should be.
        marked: see `mend`.
        fixed: see `mend`.
        remove: see `mend`.

    Raises:
        WhisklabError: the API refuses one, or does not answer.
    """
    for _ in range(2):
        found = look(api, wanted).drift
        mend(api, found, wanted.namespace, marked=marked, fixed=fixed, remove=remove)


def _rank(kind: str) -> int:
    return ORDER.index(kind) if kind in ORDER else len(ORDER)


def _put_back(
    api: Client,
    path: str,
    each: Drift,
    marked: Mapping[str, Mapping[str, str]],
    remove: Callable[[Id], None] | None,
) -> None:
    at = f"{path}/{each.name.name}?fieldManager=whisklab"
    for fields in (each.fields, widened(each.wanted, each.fields)):
        body = patch(each.wanted, fields)
        try:
            api.patch(at, body, patch_kind(each.wanted))
        except kube.Faulted as error:
            refused: WhisklabError = error
        except kube.Refused as error:
            if error.status != kube.INVALID:
                raise
            refused = error
        else:
            return
    if remove is None or isinstance(refused, kube.Faulted):
        raise refused
    remove(each.name)
    _create(api, path, each.wanted, marked)


def _create(
    api: Client, path: str, wanted: Object, marked: Mapping[str, Mapping[str, str]]
) -> None:
    metadata: dict[str, Any] = dict(wanted.get("metadata") or {})
    for part, ours in marked.items():
        metadata[part] = {**(metadata.get(part) or {}), **ours}
    body = {**wanted, "metadata": metadata}
    try:
        api.create(f"{path}?fieldManager=whisklab", body)
    except kube.Refused as error:
        if error.status != kube.CONFLICT:  # somebody was faster; the next look compares it
            raise
