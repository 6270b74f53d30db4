"""Whether a cluster can take OpenWhisk, before anything of it is installed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploys.openwhisk.render import Place
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.errors import WhisklabError

Object = Mapping[str, Any]
ROLE, INVOKER = "openwhisk-role", "invoker"
CHART = "openwhisk-"  # begins the label `chart` of all that it makes
# Suffixes of Kubernetes quantities: powers of 2, then of 10.
UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9}
MEGABYTE = 2**20  # as the chart's "m" means it


@dataclass(frozen=True)
class Found:
    """What the cluster has: items of the Kubernetes API."""

    nodes: Sequence[Object]
    classes: Sequence[Object]
    services: Sequence[Object]


def unfit(settings: OpenWhiskSettings, place: Place, found: Found) -> list[str]:
    """Return why it cannot be installed there, one sentence each, with what to do.

    Args:
        settings: of the leader.
        place: where it is to run.
        found: in the cluster.
    """
    return [
        *_architectures(settings, found.nodes),
        *_invokers(settings, place, found.nodes),
        *_class(place, found.classes),
        *port(settings, found.services),
    ]


def _architectures(settings: OpenWhiskSettings, nodes: Iterable[Object]) -> list[str]:
    return [
        f"{each['metadata']['name']} is {found}, and OpenWhisk's images are for "
        f"{', '.join(settings.architectures)}: take other machines, or images of your own and "
        "openwhisk_architectures"
        for each in nodes
        if (found := each["status"]["nodeInfo"]["architecture"]) not in settings.architectures
    ]


def _invokers(settings: OpenWhiskSettings, place: Place, nodes: Sequence[Object]) -> list[str]:
    labels = [each["metadata"].get("labels") or {} for each in nodes]
    usable = [
        each
        for each, its in zip(nodes, labels, strict=True)
        if place.single_node or its.get(ROLE) == INVOKER
    ]
    if not place.single_node and len(usable) < settings.invokers:
        few = f"{len(usable)} of {len(nodes)} nodes have the label {ROLE}={INVOKER}"
        wanted = f"openwhisk_invokers is {settings.invokers}"
        return [f"{few}, and {wanted}: each invoker needs a node of its own, see node_labels"]
    there = sum(quantity(each["status"]["allocatable"]["memory"]) for each in usable) // MEGABYTE
    if there < settings.invokers * settings.user_memory_mb:
        given = f"{settings.invokers} x {settings.user_memory_mb} MB"
        advice = "lower openwhisk_user_memory_mb or take larger machines"
        return [f"actions may use {given}, and the nodes for them have {there} MB: {advice}"]
    return []


def _class(place: Place, classes: Iterable[Object]) -> list[str]:
    names = sorted(each["metadata"]["name"] for each in classes)
    if place.storage_class in names:
        return []
    return [
        (
            f"there is no storage class {place.storage_class}, there are "
            f"{', '.join(names) or 'none'}: see openwhisk_storage_class and provisioner_enabled"
        )
    ]


def port(settings: OpenWhiskSettings, services: Iterable[Object]) -> list[str]:
    """Return who has the port of the API, if it is another service than this release's."""
    ours = (settings.namespace, f"{settings.release}-nginx")
    for each in services:
        name = each["metadata"]["namespace"], each["metadata"]["name"]
        ports = [port.get("nodePort") for port in each["spec"].get("ports") or []]
        if settings.api_port in ports and name != ours:
            return [_taken(settings.api_port, each)]
    return []


def _taken(number: int, service: Object) -> str:
    meta = service["metadata"]
    labels = meta.get("labels") or {}
    if str(labels.get("chart", "")).startswith(CHART) and "release" in labels:
        return (
            f"OpenWhisk runs as release {labels['release']} in namespace {meta['namespace']}, and "
            "openwhisk_release and openwhisk_namespace cannot be changed in place: put them back; "
            "or export its actions, uninstall it (openwhisk_enabled = False), and import them "
            "after this one is installed"
        )
    return (
        f"port {number} is taken by the service {meta['namespace']}/{meta['name']}: choose another "
        "openwhisk_api_port"
    )


def quantity(text: str) -> int:
    """Return the bytes of a Kubernetes quantity such as 2Gi, 1500M or 4096.

    Raises:
        WhisklabError: it is of another form.
    """
    digits = text.rstrip("KMGTik")
    unit = text[len(digits) :]
    try:
        return int(float(digits) * (UNITS[unit] if unit else 1))
    except (ValueError, KeyError):
        raise WhisklabError(f"{text} is no quantity of memory such as 2Gi") from None
