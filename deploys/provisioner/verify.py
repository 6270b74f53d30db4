"""Whether a claim is bound, and its volume released when the claim goes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from pyinfra import host
from pyinfra.api.host import Host

from deploys.provisioner import health
from deploys.provisioner.bound import VOLUMES
from deploys.provisioner.render import RELEASE
from deploys.provisioner.settings import ProvisionerSettings
from whisklab.engine import checks, kube
from whisklab.engine.capability import capability
from whisklab.engine.declared import Platform
from whisklab.engine.progress import tell
from whisklab.errors import WhisklabError

CORE = "/api/v1"
CLAIMS = f"{CORE}/namespaces/default/persistentvolumeclaims"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
PREFIX = "whisklab-verify-"
STALE = 3600.0  # seconds; a verify that goes on does not take that long
# Seconds; a claim is bound within a few. But when the API was away, kube-proxy and the provisioner
# ask it again after up to 60 s each (the back-off of client-go's informers, 30 s and their jitter;
# tools/cache/reflector.go): 12 to 114 s were measured after restarts of the only server's k3s
# within minutes.
WITHIN = 180.0
TOLD_EVERY = 15.0
POLL = 0.5
NOT_FOUND = 404  # HTTP
WHOLE = "volumes have their data"
BOUND, RELEASED = "a claim is bound", "its volume is released"


@capability("provisioner", "verify")
def verify(platform: Platform) -> None:
    """On the leader: volumes have their data; claim one of our class, see it bound, give it back.

    Without an NFS server, of the platform or in the data, there is nothing to try.
    """
    settings, api = ProvisionerSettings.of(host), platform.api
    if not settings.enabled or not (settings.server or platform.storage.address):
        return
    after = (platform.storage.served,)
    name = f"{PREFIX}{secrets.token_hex(4)}"
    volumes: list[str] = []

    def bind(leader: Host) -> str:
        for each in _stale(leader, api):
            _delete(leader, api, f"{CLASSES}/{each}")
        ours = kube.request(leader, api, "GET", f"{CLASSES}/{settings.storage_class}")
        kube.request(leader, api, "POST", CLASSES, leaving_nothing(ours, name))
        kube.request(leader, api, "POST", CLAIMS, claim(name))
        volumes.append(_wait(leader, lambda: _bound(leader, api, name), lambda: why(leader)))
        return f"{volumes[0]}, as of class {settings.storage_class}"

    def why(leader: Host) -> str:
        log = f"kubectl -n {settings.namespace} logs -l release={RELEASE}"
        return f"{_event(leader, api, name)} (see `{log}`)"

    def release(leader: Host) -> str:
        _delete(leader, api, f"{CLAIMS}/{name}")
        gone = [f"{CLAIMS}/{name}", *(f"{CORE}/persistentvolumes/{each}" for each in volumes)]
        _wait(leader, lambda: _gone(leader, api, gone), lambda: f"{gone[-1]} is still there")
        if not volumes:
            # The provisioner may make one yet, and looks into the class of what it deletes.
            return f"the claim is gone; a later verify takes the class {name} away"
        _delete(leader, api, f"{CLASSES}/{name}")
        return "claim and volume are gone"

    def whole(leader: Host) -> str:
        found = health.broken(leader, api, settings.storage_class, platform.nodes)
        if found:
            raise WhisklabError("; ".join(found))
        return "directories and mounts are there"

    checks.check(name="Look at the volumes", what=WHOLE, work=whole, after_everywhere=after)
    checks.check(name="Claim a volume", what=BOUND, work=bind, after_everywhere=after)
    checks.check(name="Give it back", what=RELEASED, work=release, after_everywhere=after)


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


def stale(
    classes: Iterable[Mapping[str, Any]], volumes: Iterable[Mapping[str, Any]], now: float
) -> list[str]:
    """Return the classes of checks that ended long ago, and of which no volume is left. Pure.

    Args:
        classes: all of the cluster.
        volumes: likewise.
        now: in seconds since the epoch.
    """
    used = {each["spec"].get("storageClassName") for each in volumes}
    made = {
        each["metadata"]["name"]: datetime.fromisoformat(each["metadata"]["creationTimestamp"])
        for each in classes
    }
    return [
        name
        for name, at in made.items()
        if name.startswith(PREFIX) and name not in used and now - at.timestamp() > STALE
    ]


def _stale(leader: Host, api: kube.Endpoint) -> list[str]:
    classes, volumes = (
        kube.request(leader, api, "GET", path)["items"] for path in (CLASSES, VOLUMES)
    )
    return stale(classes, volumes, time.time())


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


def _wait(leader: Host, answer: Callable[[], str | None], why: Callable[[], str]) -> str:
    began = told = time.monotonic()
    while (found := answer()) is None:
        now = time.monotonic()
        if now - began > WITHIN:
            raise WhisklabError(f"after {WITHIN:.0f} s {why()}")
        if now - told > TOLD_EVERY:
            told = now
            tell(f"{leader.name}: {now - began:.0f} s: {why()}")
        time.sleep(POLL)
    return found
