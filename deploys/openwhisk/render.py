"""Values of the chart, and what is changed in the chart itself, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploys.openwhisk import edits, runtimes
from deploys.openwhisk.keys import Keys
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine.helm.overlay import Edit, Overlay, filled
from whisklab.engine.helm.values import merged
from whisklab.engine.tls.authority import Pair

PRODUCT = "openwhisk"  # in the catalogue
NPM_CACHE = "npm-cache"  # its artifact that only an off-line cluster needs, and nobody publishes
CERTIFICATE, CERTIFICATE_KEY = "whisklab-tls.crt", "whisklab-tls.key"  # in the chart
ENTRIES = ("tls.crt", "tls.key")  # of the Secret that they become
SECRET = edits.CERTIFICATE_SECRET
DB_USER = "whisk_admin"
# The chart's `latest` has no pull policy in one place (redis-init): it would be pulled each time,
# and where there is nothing to pull from, Redis would never start.
BUSYBOX = "1.36.1"
MEMORY_MIN_MB = 128  # the chart's; no controller starts whose usual memory is below its least
CHART_DOMAIN = "cluster.local"
# On one node there are no labels to go by (facts: "One node only").
ANYWHERE = "-Dwhisk.kubernetes.user-pod-node-affinity.enabled=false"


@dataclass(frozen=True)
class Site:
    """What the rest of the platform tells.

    Attributes:
        single_node: whether the cluster is one machine.
        storage_class: of claims, unless the data say another.
        files_url: of the file server; None for none.
        domain: of the cluster's names.
    """

    single_node: bool
    storage_class: str
    files_url: str | None
    domain: str


@dataclass(frozen=True)
class Place:
    """Where OpenWhisk is to run.

    Attributes:
        api_name: name or address of the API, as it stands in a URL.
        storage_class: of the claims.
        domain: of the cluster's names.
        single_node: there is no node but one, so that components may stand anywhere.
        sources: URL below which the archives of what the jobs clone are; None: they clone.
    """

    api_name: str
    storage_class: str
    domain: str = CHART_DOMAIN
    single_node: bool = False
    sources: str | None = None


def values(settings: OpenWhiskSettings, keys: Keys, place: Place) -> dict[str, Any]:
    """Return the values of the chart.

    Args:
        settings: of the leader.
        keys: of the environment.
        place: where it is to run.
    """
    ours: dict[str, Any] = {
        "whisk": {
            "ingress": {
                "type": "NodePort",
                "apiHostName": place.api_name,
                "apiHostPort": settings.api_port,
            },
            "auth": {"system": keys.system, "guest": keys.guest},
            "limits": _limits(settings),
            "containerPool": {"userMemory": f"{settings.user_memory_mb}m"},
            "runtimes": runtimes.RUNTIMES_FILE,
            "versions": {value: {"gitTag": tag} for _, value, tag in edits.SOURCES},
        },
        "k8s": {
            "persistence": {
                "hasDefaultStorageClass": False,
                "explicitStorageClass": place.storage_class,
            }
        },
        "docker": {"registry": {"name": settings.image_prefix}},
        "busybox": {"imageTag": BUSYBOX},
        "db": {"auth": {"username": DB_USER, "password": keys.db_password}},
        "kafka": _image(settings.kafka_image),
        # The chart's own certificate is for no address; ours comes by a Secret (edits.CERTIFICATE).
        "nginx": {"httpsNodePort": settings.api_port, "certificate": {"external": True}},
        "controller": _heap(settings.controller_heap_mb),
        "invoker": {
            "containerFactory": {
                "impl": "kubernetes",
                "kubernetes": {"replicaCount": settings.invokers},
            },
            **_heap(settings.invoker_heap_mb),
        },
        "scheduler": {"enabled": settings.scheduler},
        "providers": {
            "alarm": {"enabled": settings.alarms},
            "kafka": {"enabled": settings.kafka_provider},
        },
        "metrics": {
            "prometheusEnabled": settings.metrics,
            "userMetricsEnabled": settings.metrics,
        },
    }
    for further in (_single_node() if place.single_node else {}, _domain(place), settings.values):
        ours = merged(ours, further)
    return ours


def _limits(settings: OpenWhiskSettings) -> dict[str, Any]:
    return {
        "actionsInvokesPerminute": settings.invocations_per_minute,
        "actionsInvokesConcurrent": settings.invocations_concurrent,
        "triggersFiresPerminute": settings.triggers_per_minute,
        "actions": {
            "memory": {
                "min": f"{min(MEMORY_MIN_MB, settings.action_memory_mb)}m",
                "std": f"{settings.action_memory_mb}m",
                "max": f"{settings.action_memory_max_mb}m",
            }
        },
    }


def _image(image: str) -> dict[str, str]:
    name, _, tag = image.rpartition(":")
    return {"imageName": name, "imageTag": tag}


def _heap(megabytes: int | None) -> dict[str, str]:
    return {} if megabytes is None else {"jvmHeapMB": str(megabytes)}


def _domain(place: Place) -> dict[str, Any]:
    return {} if place.domain == CHART_DOMAIN else {"k8s": {"domain": place.domain}}


def _single_node() -> dict[str, Any]:
    return {
        "affinity": {"enabled": False},
        "toleration": {"enabled": False},
        "invoker": {"options": ANYWHERE},
    }


@dataclass(frozen=True)
class Given:
    """Contents of files on the laptop.

    Attributes:
        certificate: of the API, and its key.
        files: for the chart, by their path in it.
    """

    certificate: Pair
    files: Mapping[str, bytes] = field(default_factory=dict)


def overlay(settings: OpenWhiskSettings, place: Place, given: Given) -> Overlay:
    """Return what is changed in the chart; the user's own changes come last.

    Raises:
        BadInput: a text has a placeholder without a value.
    """
    known = {"RELEASE": settings.release, "NAMESPACE": settings.namespace}
    if place.sources is not None:
        known["SOURCES"] = place.sources
    wanted = [*edits.DATA_SAFETY, *edits.NEW_PASSWORD, *edits.RUNTIME, edits.mounted(CERTIFICATE)]
    if settings.image_prefix:
        wanted += edits.NODES_PULL
    if place.sources is not None:
        wanted += [*edits.OFFLINE, *(edits.NPM_OFFLINE if settings.offline else ())]
    wanted += [Edit(each.file, each.anchor, each.text, each.where) for each in settings.chart_edits]
    files = {
        runtimes.RUNTIMES_FILE: runtimes.manifest(settings.runtimes).encode(),
        CERTIFICATE: given.certificate.certificate.encode(),
        CERTIFICATE_KEY: given.certificate.key.encode(),
        edits.CERTIFICATE_TEMPLATE: edits.certificate(CERTIFICATE, CERTIFICATE_KEY).encode(),
    }
    return Overlay(
        tuple(
            Edit(each.file, each.anchor, filled(each.text, known, _where(each)), each.where)
            for each in wanted
        ),
        {**files, **given.files},
    )


def _where(edit: Edit) -> str:
    return f"openwhisk_chart_edits: {edit.file}"


def sources() -> dict[str, str]:
    """Return what the jobs need instead of a way out: file name to artifact of the catalogue."""
    cloned = {f"{name}-{tag}.tar.gz": f"sources-{name}" for name, _, tag in edits.SOURCES}
    return {**cloned, edits.NPM_CACHE: NPM_CACHE}


def empty(left: Sequence[str]) -> str:
    """Return a sentence on the data of an earlier OpenWhisk, which a new one does not use.

    Args:
        left: where they are.
    """
    more = f" and {len(left) - 1} more" if len(left) > 1 else ""
    return (
        f"OpenWhisk begins with empty data, an earlier one's are kept in {left[0]}{more}: import "
        "an export of its actions, or copy them into the directories of the new claims"
    )


def capacity(settings: OpenWhiskSettings) -> str:
    """Return how many actions of the usual size run at one time, and why that many."""
    each = settings.user_memory_mb // settings.action_memory_mb
    return (
        f"{settings.invokers * each} actions of {settings.action_memory_mb} MB at once "
        f"(invokers: {settings.invokers}, with {settings.user_memory_mb} MB each)"
    )
