"""The stages of an installation as a graph, and which one blocks. Pure.

Order and names: facts on the chart (commit 108f3275); what helps: the questions its users ask most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deploys.openwhisk.hints import IMAGE, PLACE, PORT
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine.kubernetes.workloads import Object, is_noticed, phase, replicas, unready

STATEFUL, DEPLOYMENT, JOB, CLAIM = "StatefulSet", "Deployment", "Job", "PersistentVolumeClaim"


@dataclass(frozen=True)
class Stage:
    """A step of the way to functions that answer.

    Attributes:
        name: of the component; its object is the release's name, a dash, and this.
        kind: of its object; claims are one stage together.
        after: the stages that it waits for.
        helps: what usually helps when it is the first one that blocks.
        on: what must be told of its pods for that, a pattern; "" for nothing.
    """

    name: str
    kind: str
    after: tuple[str, ...] = ()
    helps: str = ""
    on: str = ""


CLAIMS = "claims"
NOT_THERE, FAILED = "it is not there", "it has failed"
ENDING = "more than wanted still end"
_STAGES = (
    Stage(
        CLAIMS,
        CLAIM,
        (),
        "look at the storage host (whisklab verify) and at the class openwhisk_storage_class",
    ),
    Stage("zookeeper", STATEFUL, (CLAIMS,)),
    Stage(
        "kafka",
        STATEFUL,
        ("zookeeper",),
        "the chart's own image of Kafka is gone from Docker Hub, see openwhisk_kafka_image",
        IMAGE,
    ),
    Stage("couchdb", DEPLOYMENT, (CLAIMS,)),
    Stage("init-couchdb", JOB, ("couchdb",)),
    Stage("redis", DEPLOYMENT, (CLAIMS,)),
    Stage("apigateway", DEPLOYMENT, ("redis",)),
    Stage("etcd", DEPLOYMENT, (CLAIMS,)),
    Stage("scheduler", STATEFUL, ("etcd", "kafka", "init-couchdb")),
    Stage("controller", STATEFUL, ("kafka", "init-couchdb", "etcd")),
    Stage(
        "invoker",
        STATEFUL,
        ("controller",),
        "it runs only on nodes with the label openwhisk-role=invoker, see node_labels",
        PLACE,
    ),
    Stage(
        "nginx",
        DEPLOYMENT,
        ("controller",),
        "its port must be free on all nodes, see openwhisk_api_port",
        PORT,
    ),
    Stage("alarmprovider", DEPLOYMENT, ("init-couchdb", "controller")),
    Stage("kafkaprovider", DEPLOYMENT, ("init-couchdb", "controller")),
    Stage("prometheus-server", STATEFUL, (CLAIMS,)),
    Stage("user-events", DEPLOYMENT, ("kafka",)),
    Stage("grafana", DEPLOYMENT, ("prometheus-server",)),
    Stage(
        "install-packages",
        JOB,
        ("invoker", "nginx", "scheduler"),
        "it waits for an invoker that has run an action of the default Node.js kind, so that "
        "image must be there (openwhisk_runtimes)",
    ),
)


def stages(settings: OpenWhiskSettings) -> list[Stage]:
    """Return the stages of an installation with these settings, each after those it waits for."""
    absent = {
        *(() if settings.scheduler else ("etcd", "scheduler")),
        *(() if settings.metrics else ("prometheus-server", "user-events", "grafana")),
        *(() if settings.alarms else ("alarmprovider",)),
        *(() if settings.kafka_provider else ("kafkaprovider",)),
    }
    return [
        Stage(
            each.name,
            each.kind,
            tuple(x for x in each.after if x not in absent),
            each.helps,
            each.on,
        )
        for each in _STAGES
        if each.name not in absent
    ]


@dataclass(frozen=True)
class Progress:
    """How far a stage is.

    Attributes:
        stage: which one.
        reached: whether what it stands for works.
        why: half a sentence when it is not reached.
    """

    stage: Stage
    reached: bool
    why: str = ""


@dataclass(frozen=True)
class Seen:
    """The release's objects in the cluster: name to object, for each kind."""

    objects: Mapping[str, Mapping[str, Object]]


def progress(wanted: Sequence[Stage], release: str, seen: Seen) -> list[Progress]:
    """Return how far each stage is, in the same order."""
    return [Progress(each, not (why := _why(each, release, seen)), why) for each in wanted]


def frontier(found: Sequence[Progress]) -> list[Progress]:
    """Return the stages that are not reached while all that they wait for are."""
    missing = {each.stage.name for each in found if not each.reached}
    return [
        each for each in found if not each.reached and not missing.intersection(each.stage.after)
    ]


def blocking(found: Sequence[Progress]) -> Progress | None:
    """Return the first stage of the frontier; None if all is done."""
    return next(iter(frontier(found)), None)


def told(found: Sequence[Progress]) -> str:
    """Return one line for people who wait."""
    done = sum(each.reached for each in found)
    at = ", ".join(f"{each.stage.name} ({each.why})" for each in frontier(found))
    return f"{done} of {len(found)} stages; at {at}" if at else f"all {len(found)} stages"


def _why(stage: Stage, release: str, seen: Seen) -> str:
    found = seen.objects.get(stage.kind, {})
    if stage.kind == CLAIM:
        ours = {name: each for name, each in found.items() if name.startswith(f"{release}-")}
        pending = [name for name, each in ours.items() if phase(each) != "Bound"]
        return f"{pending[0]} is {phase(ours[pending[0]])}" if pending else _none(ours)
    object_ = found.get(f"{release}-{stage.name}")
    if object_ is None:
        return NOT_THERE
    return _job(object_) if stage.kind == JOB else _workload(object_)


def _none(ours: Mapping[str, Object]) -> str:
    return "" if ours else "there are none"


def _job(job: Object) -> str:
    status = job.get("status") or {}
    for condition in status.get("conditions") or []:
        if condition["status"] == "True" and condition["type"] in {"Complete", "Failed"}:
            return "" if condition["type"] == "Complete" else FAILED
    failed = status.get("failed") or 0
    return f"it runs, {failed} tries have failed" if failed else "it runs"


def _workload(found: Object) -> str:
    wanted, _ = replicas(found)
    if not wanted:
        return "it is scaled to 0"
    status = found.get("status") or {}
    updated = status.get("updatedReplicas") or 0
    if is_noticed(found) and updated < wanted:
        return f"{updated} of {wanted} are changed"
    if why := unready(found):
        return why
    surplus = (status.get("replicas") or 0) - wanted
    return f"{surplus} {ENDING}" if surplus > 0 else ""


def failed_jobs(found: Sequence[Progress], release: str) -> list[str]:
    """Return the names of Jobs that have failed for good."""
    return [f"{release}-{each.stage.name}" for each in found if each.why == FAILED]
