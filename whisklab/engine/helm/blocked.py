"""What keeps a release from becoming ready: its pods, with their last events and log lines."""

from __future__ import annotations

from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import Release
from whisklab.engine.kubernetes.objects import CLAIM, Id, objects
from whisklab.engine.kubernetes.stuck import event_lines, is_done, pod_lines
from whisklab.engine.kubernetes.workloads import Object, controller, phase

PODS_TOLD = 3


def blocking(cluster: Cluster, release: Release) -> list[str]:
    """Return sentences on what is not ready, the pods first; none when all is.

    Raises:
        WhisklabError: the API does not answer.
    """
    latest = cluster.latest(release)
    if latest is None:
        return []
    names = {*objects(latest.manifest), *(Id(kind, "", name) for kind, name in latest.hooks)}
    owners = {(each.kind, each.name) for each in names}
    space = f"/api/v1/namespaces/{release.namespace}"
    sets = cluster.items(f"/apis/apps/v1/namespaces/{release.namespace}/replicasets")
    for each in sets:
        if _owner(each) in owners:
            owners.add(("ReplicaSet", each["metadata"]["name"]))
    pods = cluster.items(f"{space}/pods")
    ours = [p for p in pods if _owner(p) in owners or ("Pod", p["metadata"]["name"]) in owners]
    waiting = [each for each in ours if not is_done(each)]
    lines = []
    for pod in waiting[:PODS_TOLD]:
        lines += pod_lines(cluster, space, pod)
    claims = cluster.items(f"{space}/persistentvolumeclaims")
    for claim in claims:
        name = claim["metadata"]["name"]
        if phase(claim) != "Bound" and (CLAIM, name) in owners:
            lines.append(f"claim {name} is {phase(claim)}")
            lines += event_lines(cluster, space, name)
    return lines


def _owner(found: Object) -> tuple[str, str]:
    owner = controller(found)
    return (owner["kind"], owner["name"]) if owner else ("", "")
