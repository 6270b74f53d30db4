"""Volumes that exist: where their data are cannot be changed under them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from posixpath import dirname
from typing import Any

from whisklab.engine.sentences import listed

VOLUMES = "/api/v1/persistentvolumes"
_MAKER = "pv.kubernetes.io/provisioned-by"  # annotation


def elsewhere(
    volumes: Iterable[Mapping[str, Any]], storage_class: str, server: str, path: str
) -> list[str]:
    """Return a sentence when volumes of a class lie elsewhere than new ones would. Pure.

    Args:
        volumes: all, as the API has them.
        storage_class: whose volumes are ours.
        server: where new ones would be.
        path: of the export there.
    """
    found = ours(volumes, storage_class)
    others = [each for each in found if not _is_at(each["spec"]["nfs"], server, path)]
    if not others:
        return []
    names = [claim_of(each) for each in others]
    place = others[0]["spec"]["nfs"]
    there = f"{place['server']}:{dirname(place['path'])}"
    sentence = (
        f"export: the data of {listed(names)} are at {there}, and a volume that "
        f"exists cannot move to {server}:{path}: set nfs_exports or provisioner_path back, or "
        "give new claims another class (provisioner_storage_class) beside the old export"
    )
    return [sentence]


def ours(volumes: Iterable[Mapping[str, Any]], storage_class: str) -> list[Mapping[str, Any]]:
    """Return the volumes of a class that the provisioner has made. Pure."""
    return [
        each
        for each in volumes
        if each["spec"].get("storageClassName") == storage_class
        and each["spec"].get("nfs")
        and _MAKER in (each["metadata"].get("annotations") or {})
    ]


def _is_at(place: Mapping[str, Any], server: str, path: str) -> bool:
    return place["server"] == server and str(place["path"]).startswith(path.rstrip("/") + "/")


def claim_of(volume: Mapping[str, Any]) -> str:
    """Name the claim that a volume is bound to. Pure."""
    claim = volume["spec"].get("claimRef") or {}
    return f"claim {claim.get('namespace')}/{claim.get('name')}"
