"""Whether a claim is bound, and its volume released when the claim goes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from pyinfra import host
from pyinfra.api.host import Host

from deploys.provisioner import health
from deploys.provisioner.settings import ProvisionerSettings
from whisklab.engine import checks, kube
from whisklab.engine.capability import capability
from whisklab.errors import WhisklabError

CORE = "/api/v1"
CLAIMS = f"{CORE}/namespaces/default/persistentvolumeclaims"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
WITHIN = 60.0  # seconds; a claim is bound within a few
POLL = 0.5
NOT_FOUND = 404  # HTTP
WHOLE = "volumes have their data"
BOUND, RELEASED = "a claim is bound", "its volume is released"


@capability("provisioner", "verify")
def verify(server: str | None, api: kube.Endpoint, served: str, nodes: list[Host]) -> None:
    """On the leader: volumes have their data; claim one of our class, see it bound, give it back.

    Args:
        server: address of the NFS server, unless the data say another; None for none, and then
            there is nothing to try.
        api: of this server.
        served: the check of the storage, without which no claim can be bound.
        nodes: the machines of the cluster, whose mounts are looked at.
    """
    settings = ProvisionerSettings.of(host)
    if not settings.enabled or not (settings.server or server):
        return
    name = f"whisklab-verify-{secrets.token_hex(4)}"
    volumes: list[str] = []

    def bind(leader: Host) -> str:
        ours = kube.request(leader, api, "GET", f"{CLASSES}/{settings.storage_class}")
        kube.request(leader, api, "POST", CLASSES, leaving_nothing(ours, name))
        kube.request(leader, api, "POST", CLAIMS, claim(name))
        volumes.append(_wait(lambda: _bound(leader, api, name), lambda: _event(leader, api, name)))
        return f"{volumes[0]}, as of class {settings.storage_class}"

    def release(leader: Host) -> str:
        _delete(leader, api, f"{CLAIMS}/{name}")
        gone = [f"{CLAIMS}/{name}", *(f"{CORE}/persistentvolumes/{each}" for each in volumes)]
        try:
            _wait(lambda: _gone(leader, api, gone), lambda: f"{gone[-1]} is still there")
        finally:  # the provisioner looks into the class of what it deletes
            _delete(leader, api, f"{CLASSES}/{name}")
        return "claim and volume are gone"

    def whole(leader: Host) -> str:
        found = health.broken(leader, api, settings.storage_class, nodes)
        if found:
            raise WhisklabError("; ".join(found))
        return "directories and mounts are there"

    checks.check(name="Look at the volumes", what=WHOLE, work=whole, after_everywhere=(served,))
    checks.check(name="Claim a volume", what=BOUND, work=bind, after_everywhere=(served,))
    checks.check(name="Give it back", what=RELEASED, work=release, after_everywhere=(served,))


def leaving_nothing(ours: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a class of this name like ours, but whose volumes leave no directory. Pure.

    Ours may keep them (Retain), or rename their directories (archiveOnDelete).
    """
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": ours["provisioner"],
        # None of ours: a pathPattern may name a directory that other claims share.
        "parameters": {"archiveOnDelete": "false"},
        "mountOptions": ours.get("mountOptions"),
        "reclaimPolicy": "Delete",
    }


def claim(name: str) -> dict[str, Any]:
    """Return a small claim of the class of the same name. Pure."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "storageClassName": name,
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
    }


def _bound(leader: Host, api: kube.Endpoint, name: str) -> str | None:
    found = kube.request(leader, api, "GET", f"{CLAIMS}/{name}")
    bound = found["status"].get("phase") == "Bound"
    return str(found["spec"]["volumeName"]) if bound else None


def _event(leader: Host, api: kube.Endpoint, name: str) -> str:
    path = f"{CORE}/namespaces/default/events?fieldSelector=involvedObject.name%3D{name}"
    events = kube.request(leader, api, "GET", path)["items"]
    last = f": {events[-1]['message']}" if events else ""
    return f"the claim {name} is not bound{last}"


def _delete(leader: Host, api: kube.Endpoint, path: str) -> None:
    try:
        kube.request(leader, api, "DELETE", path)
    except kube.Refused as error:
        if error.status != NOT_FOUND:  # it never came so far
            raise


def _gone(leader: Host, api: kube.Endpoint, paths: list[str]) -> str | None:
    for path in paths:
        try:
            kube.request(leader, api, "GET", path)
        except kube.Refused as error:
            if error.status != NOT_FOUND:
                raise
        else:
            return None
    return "gone"


def _wait(answer: Callable[[], str | None], why: Callable[[], str]) -> str:
    deadline = time.monotonic() + WITHIN
    while (found := answer()) is None:
        if time.monotonic() > deadline:
            raise WhisklabError(f"after {WITHIN:.0f} s {why()}")
        time.sleep(POLL)
    return found
