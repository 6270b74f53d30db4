"""Values of the chart, and which storage class is the default, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploys.provisioner.settings import ProvisionerSettings
from whisklab.engine.helm.values import merged

PRODUCT = "nfs-subdir-external-provisioner"  # in the catalogue
RELEASE = "openwhisk-nfs"
DEFAULT = "storageclass.kubernetes.io/is-default-class"
TAKEN = "whisklab.dev/was-default-class"  # we took it from this class, and give it back


def values(settings: ProvisionerSettings, server: str, path: str) -> dict[str, Any]:
    """Return the values of the chart.

    Args:
        settings: of the leader.
        server: address of the NFS server.
        path: of the export.
    """
    repository, _, tag = settings.image.rpartition(":")
    several = settings.values.get("replicaCount", 1) != 1
    ours = {
        "image": {"repository": repository, "tag": tag},
        "nfs": {"server": server, "path": path, "mountOptions": settings.mount_options},
        "storageClass": {
            "name": settings.storage_class,
            "defaultClass": settings.default_class,
            "reclaimPolicy": settings.reclaim_policy,
            "archiveOnDelete": settings.archive_on_delete,
        },
        # One that is alone needs no lease. With one it ends when it cannot renew it for 10 s, as
        # while the only server's k3s restarts, and is not there some seconds after that run ended.
        "leaderElection": {"enabled": several},
    }
    return merged(ours, settings.values)


def default_patches(
    classes: Mapping[str, Mapping[str, str]], ours: str, *, wanted: bool
) -> dict[str, dict[str, str | None]]:
    """Return which annotations of which classes must change so that only ours is the default.

    Args:
        classes: name to annotations.
        ours: our class, which Helm takes care of.
        wanted: whether it is to be the default; if not, another gets back what we took.
    """
    patches: dict[str, dict[str, str | None]] = {}
    for name, notes in classes.items():
        if name == ours:
            continue
        if wanted and notes.get(DEFAULT) == "true":
            patches[name] = {DEFAULT: "false", TAKEN: "true"}
        if not wanted and TAKEN in notes:
            patches[name] = {DEFAULT: notes[TAKEN], TAKEN: None}
    return patches
