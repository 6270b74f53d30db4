"""Whether a claim is bound, and its volume released when the claim goes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pyinfra import host
from pyinfra.api.host import Host

from deploys.provisioner import health
from deploys.provisioner.bound import VOLUMES
from deploys.provisioner.render import RELEASE
from deploys.provisioner.settings import ProvisionerSettings
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.objects import Object
from whisklab.engine.kubernetes.stuck import event_lines
from whisklab.engine.kubernetes.waiting import gone, wait
from whisklab.engine.kubernetes.workloads import phase
from whisklab.engine.run import checks
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
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
    see = f"see `kubectl -n {settings.namespace} logs -l release={RELEASE}`"
    volumes: list[str] = []

    def bind(leader: Host) -> str:
        client = Client(leader, api)
        for each in _stale(client):
            client.delete(f"{CLASSES}/{each}")
        ours = client.ask("GET", f"{CLASSES}/{settings.storage_class}")
        client.create(CLASSES, leaving_nothing(ours, name))
        client.create(CLAIMS, claim(name))
        volumes.append(bound_to(Client(leader, api), name, see))
        return f"{volumes[0]}, as of class {settings.storage_class}"

    def release(leader: Host) -> str:
        client = Client(leader, api)
        client.delete(f"{CLAIMS}/{name}")
        left = {f"{VOLUMES}/{each}": f"the volume {each}" for each in volumes}
        gone(client, {f"{CLAIMS}/{name}": f"the claim {name}", **left}, WITHIN, see)
        if not volumes:
            # The provisioner may make one yet, and looks into the class of what it deletes.
            return f"the claim is gone; a later verify takes the class {name} away"
        client.delete(f"{CLASSES}/{name}")
        return "claim and volume are gone"

    def whole(leader: Host) -> str:
        found = health.broken(Client(leader, api), settings.storage_class, platform.nodes)
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


def _stale(client: Client) -> list[str]:
    classes, volumes = (client.items(path) for path in (CLASSES, VOLUMES))
    return stale(classes, volumes, time.time())


def bound_to(client: Client, name: str, remedy: str) -> str:
    """Return the volume that a claim is bound to, when it is.

    Raises:
        WhisklabError: it is not in WITHIN seconds, or the claim is gone.
    """

    def look() -> Object:
        found: Object = client.ask("GET", f"{CLAIMS}/{name}")
        return found

    def problem() -> str | None:
        return None if phase(look()) == "Bound" else f"the claim {name} is not bound"

    def last_event() -> list[str]:
        return event_lines(client, f"{CORE}/namespaces/default", name)[-1:]

    wait(client.server, problem, WITHIN, remedy, causes=last_event)
    return str(look()["spec"]["volumeName"])
