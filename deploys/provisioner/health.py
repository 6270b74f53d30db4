"""Whether volumes have their data: directories on the server, mounts on the nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

import gevent
from pyinfra import host, inventory, state
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from deploys.provisioner.bound import VOLUMES, claim_of, ours
from deploys.provisioner.facts import MOUNTS, MissingDirectories, StaleMounts
from whisklab.engine.data.machine import Machine
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import PODS, Client
from whisklab.engine.progress import tell

MENDED = (
    "put the directories back from a backup, or make them empty if the data are lost, then delete "
    "the pods that use them"
)


def broken(client: Client, storage_class: str, nodes: Iterable[Host]) -> list[str]:
    """Return a sentence for each claim whose data are not there, or not seen by a pod.

    Args:
        client: of the cluster.
        storage_class: whose volumes are looked at.
        nodes: of the cluster; those that are not in the run are not asked.

    Raises:
        WhisklabError: the API does not answer.
    """
    volumes = ours(client.items(VOLUMES), storage_class)
    active = state.inventory.get_active_hosts()
    servers = [each for each in inventory if each in active]
    missing = {name for server in servers for name in _missing(server, volumes)}
    asked = [each for each in nodes if each in active]
    jobs = {each.name: gevent.spawn(each.get_fact, StaleMounts) for each in asked}
    stale = {name: job.get() for name, job in jobs.items()}
    if not missing and not any(stale.values()):
        return []
    pods = client.items(PODS)
    return sentences(volumes, missing, stale, pods)


def _missing(server: Host, volumes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the volumes on this machine that have no directory."""
    address = Machine.of(server).node_address
    here = {
        each["spec"]["nfs"]["path"]: each["metadata"]["name"]
        for each in volumes
        if each["spec"]["nfs"]["server"] == address
    }
    if not here:
        return []
    return [here[path] for path in server.get_fact(MissingDirectories, paths=sorted(here))]


def sentences(
    volumes: Sequence[Mapping[str, Any]],
    missing: set[str],
    stale: Mapping[str, Sequence[str]],
    pods: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Say which claims have lost their data, and which pods cannot see them. Pure.

    Args:
        volumes: of our class.
        missing: names of those without a directory.
        stale: node to mount points that cannot be looked at.
        pods: all.
    """
    users: dict[tuple[str, str], list[str]] = defaultdict(list)
    for pod in pods:
        space, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        for each in pod["spec"].get("volumes") or []:
            if "persistentVolumeClaim" in each:
                users[space, each["persistentVolumeClaim"]["claimName"]].append(f"{space}/{name}")
    found = []
    for volume in volumes:
        name, nfs = volume["metadata"]["name"], volume["spec"]["nfs"]
        unseen = [node for node, at in stale.items() if any(x.endswith(MOUNTS + name) for x in at)]
        if name not in missing and not unseen:
            continue
        claim = volume["spec"].get("claimRef") or {}
        used = ", ".join(users[claim.get("namespace", ""), claim.get("name", "")]) or "no pod"
        where = f"its directory {nfs['path']} is not there on {nfs['server']}"
        why = [*([where] if name in missing else []),
               *(f"{node} has a stale mount of it" for node in unseen)]  # fmt: skip
        found.append(f"{claim_of(volume)} (used by {used}): {', '.join(why)}: {MENDED}")
    return found


@operation()
def told(
    api: kube.Endpoint, storage_class: str, nodes: Sequence[Host]
) -> Generator[FunctionCommand]:
    """Tell which claims have lost their data; that is for people to mend, so nothing is yielded.

    Args:
        api: of this server.
        storage_class: whose volumes are looked at.
        nodes: of the cluster.
    """
    try:
        found = broken(Client(host, api), storage_class, nodes)
    except kube.Unreachable:
        return
    for sentence in found:
        tell(f"{host.name}: {sentence}")
    yield from ()
