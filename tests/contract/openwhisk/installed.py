"""An OpenWhisk whose stages are all reached, as an API server has it."""

from __future__ import annotations

from typing import Any

from deploys.openwhisk import stages, waiting
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.stages import CLAIM, JOB
from tests.contract.fake_objects import Object, Objects

SETTINGS = OpenWhiskSettings(timeout=1)
SPACE = "/api/v1/namespaces/openwhisk"
CONTAINER = {"name": "controller", "ports": [{"name": "controller", "containerPort": 8080}]}
WORKLOAD: Object = {
    "spec": {"replicas": 1, "template": {"spec": {"containers": [CONTAINER]}}},
    "status": {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1},
}
COMPLETE = {"conditions": [{"type": "Complete", "status": "True"}]}
FAILED = {"conditions": [{"type": "Failed", "status": "True"}]}
TEMPLATE = {"metadata": {"labels": {"job-name": "x", "app": "y"}}, "spec": {}}
DONE: Object = {"spec": {"template": TEMPLATE, "selector": {}}, "status": COMPLETE}
INVOKERS = f"{SPACE}/pods/http:owdev-controller-0:8080/proxy/invokers"


def place(stage: str, settings: OpenWhiskSettings = SETTINGS) -> str:
    """Return the path of a stage's object."""
    (kind,) = (each.kind for each in stages.stages(settings) if each.name == stage)
    name = "owdev-db-pvc" if kind == CLAIM else f"owdev-{stage}"
    return f"{waiting.LISTS[kind].format('openwhisk')}/{name}"


def installed(settings: OpenWhiskSettings = SETTINGS) -> Objects:
    """Return an API server that has all of it."""
    api = Objects({})
    for each in stages.stages(settings):
        claim: Object = {"status": {"phase": "Bound"}}
        fields: Any = claim if each.kind == CLAIM else DONE if each.kind == JOB else WORKLOAD
        api.have(place(each.name, settings), **fields)
    api.things[INVOKERS] = {"invoker0/0": "up"}
    return api
