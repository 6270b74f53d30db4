"""Which stage of an installation blocks, and which pods tell why."""

from __future__ import annotations

from typing import Any

import pytest

from deploys.openwhisk import fits, stages, waiting
from deploys.openwhisk.patience import GIVE_UP_AFTER, Patience
from deploys.openwhisk.pods import blocking_pods, concerned, first_failed, first_of
from deploys.openwhisk.render import Place
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.stages import CLAIM, CLAIMS, DEPLOYMENT, JOB, STATEFUL, Seen

SETTINGS = OpenWhiskSettings()


def _workload(name: str, ready: int = 1, *, generation: int = 1) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "generation": generation},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 1, "readyReplicas": ready, "updatedReplicas": 1},
    }


def _job(name: str, *conditions: str) -> dict[str, Any]:
    found = [{"type": each, "status": "True"} for each in conditions]
    return {"metadata": {"name": name}, "status": {"conditions": found}}


def _complete(settings: OpenWhiskSettings = SETTINGS) -> dict[str, dict[str, Any]]:
    objects: dict[str, dict[str, Any]] = {STATEFUL: {}, DEPLOYMENT: {}, JOB: {}, CLAIM: {}}
    for each in stages.stages(settings):
        name = f"owdev-{each.name}"
        if each.kind == CLAIM:
            objects[CLAIM]["owdev-couchdb-pvc"] = {"status": {"phase": "Bound"}}
        elif each.kind == JOB:
            objects[JOB][name] = _job(name, "Complete")
        else:
            objects[each.kind][name] = _workload(name)
    return objects


def _blocking(objects: dict[str, dict[str, Any]]) -> stages.Progress | None:
    found = stages.progress(stages.stages(SETTINGS), "owdev", Seen(objects))
    return stages.blocking(found)


def test_all_is_reached() -> None:
    assert _blocking(_complete()) is None


def test_every_stage_waits_for_stages_before_it() -> None:
    for settings in (SETTINGS, OpenWhiskSettings(scheduler=True, metrics=True)):
        seen: set[str] = set()
        for each in stages.stages(settings):
            assert set(each.after) <= seen
            seen.add(each.name)


@pytest.mark.parametrize(
    ("settings", "absent"),
    [
        (OpenWhiskSettings(alarms=False), "alarmprovider"),
        (OpenWhiskSettings(kafka_provider=False), "kafkaprovider"),
        (OpenWhiskSettings(), "etcd"),
    ],
)
def test_stages_follow_the_settings(settings: OpenWhiskSettings, absent: str) -> None:
    found = stages.stages(settings)
    assert absent not in {each.name for each in found}
    assert not any(absent in each.after for each in found)


def test_metrics_are_the_objects_that_the_chart_makes() -> None:
    found = {each.name: each for each in stages.stages(OpenWhiskSettings(metrics=True))}
    assert found["prometheus-server"].kind == STATEFUL
    assert found["grafana"].after == ("prometheus-server",)
    assert "prometheus" not in found
    without = {each.name for each in stages.stages(SETTINGS)}
    assert not {"prometheus-server", "user-events", "grafana"} & without


def test_the_first_one_that_blocks_is_named_not_those_that_wait_for_it() -> None:
    objects = _complete()
    for name in ("owdev-kafka", "owdev-controller", "owdev-invoker"):
        objects[STATEFUL][name] = _workload(name, ready=0)
    objects[JOB]["owdev-install-packages"] = _job("owdev-install-packages")
    at = _blocking(objects)
    assert at is not None
    assert (at.stage.name, at.why) == ("kafka", "0 of 1 are ready")
    found = stages.progress(stages.stages(SETTINGS), "owdev", Seen(objects))
    assert (
        stages.told(found)
        == f"{len(found) - 4} of {len(found)} stages; at kafka (0 of 1 are ready)"
    )


def test_a_claim_comes_first() -> None:
    objects = _complete()
    objects[CLAIM]["owdev-couchdb-pvc"] = {"status": {"phase": "Pending"}}
    objects[CLAIM]["another"] = {"status": {"phase": "Pending"}}
    objects[DEPLOYMENT]["owdev-couchdb"] = _workload("owdev-couchdb", ready=0)
    at = _blocking(objects)
    assert at is not None
    assert (at.stage.name, at.why) == (CLAIMS, "owdev-couchdb-pvc is Pending")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (None, "it is not there"),
        (_workload("x", generation=2), "it has just been changed"),
        ({**_workload("x"), "status": {"observedGeneration": 1}}, "0 of 1 are changed"),
        (
            {**_workload("x"), "status": {**_workload("x")["status"], "replicas": 2}},
            "1 more than wanted still end",
        ),
    ],
)
def test_why_a_workload_is_not_ready(changed: dict[str, Any] | None, expected: str) -> None:
    objects = _complete()
    del objects[STATEFUL]["owdev-controller"]
    if changed is not None:
        objects[STATEFUL]["owdev-controller"] = changed
    at = _blocking(objects)
    assert at is not None
    assert at.why == expected


def test_a_failed_job_is_found_and_made_anew_without_what_the_controller_wrote() -> None:
    objects = _complete()
    objects[JOB]["owdev-init-couchdb"] = _job("owdev-init-couchdb", "Failed")
    found = stages.progress(stages.stages(SETTINGS), "owdev", Seen(objects))
    assert stages.failed_jobs(found, "owdev") == ["owdev-init-couchdb"]
    job = {
        "metadata": {"name": "a", "uid": "1", "labels": {"app": "x"}, "annotations": {"h": "y"}},
        "spec": {
            "backoffLimit": 3,
            "selector": {"matchLabels": {"controller-uid": "1"}},
            "template": {
                "metadata": {
                    "labels": {
                        "name": "a", "controller-uid": "1", "batch.kubernetes.io/job-name": "a"
                    }
                },
                "spec": {"containers": []},
            },
        },
        "status": {"failed": 4},
    }  # fmt: skip
    assert waiting.fresh(job) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "a", "labels": {"app": "x"}, "annotations": {"h": "y"}},
        "spec": {
            "backoffLimit": 3,
            "template": {"metadata": {"labels": {"name": "a"}}, "spec": {"containers": []}},
        },
    }
    assert job["spec"]["selector"]  # type: ignore[index]  # the original is left as it was


def _pod(name: str, reason: str = "", *, restarts: int = 0, label: str = "of") -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": "m"}} if reason else {"running": {}}
    container = {"name": "c", "state": state, "restartCount": restarts, "ready": not reason}
    return {
        "metadata": {"name": name, "labels": {"name": name, label: "true"}},
        "status": {
            "containerStatuses": [container],
            "conditions": [{"type": "Ready", "status": "False" if reason else "True"}],
        },
    }


def test_patience_ends_only_for_a_pod_that_was_hopeless_all_the_time() -> None:
    owned = {"ownerReferences": [{"kind": "ReplicaSet"}]}
    bad, good = _pod("p", "ErrImagePull"), _pod("p")
    for each in (bad, good):
        each["metadata"] |= owned
    patience = Patience()
    assert patience.lost([bad], 0) == {}
    assert patience.lost([good], 1) == {}
    assert patience.lost([bad], 2) == {}
    assert patience.lost([bad], GIVE_UP_AFTER + 1) == {}
    assert set(patience.lost([bad], GIVE_UP_AFTER + 2)) == {"p"}


@pytest.mark.parametrize(
    ("message", "within"),
    [
        ("0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.", 180),
        ("0/3 nodes are available: 3 Insufficient memory.", 45),
    ],
)
def test_claims_are_given_the_time_that_a_provisioner_may_need(message: str, within: int) -> None:
    pod = _pod("p")
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    pod["status"]["conditions"] = [{**condition, "message": message}]
    patience = Patience()
    for second in range(within):
        assert patience.lost([pod], second) == {}
    assert patience.lost([pod], within) == {"p": f"no node will take it: {message}"}


def _action(number: int, reason: str, image: str = "nodejs:9.9.9") -> dict[str, Any]:
    """The pod of an action, as the invoker makes them: nobody owns it."""
    made = _pod(f"wsk-{number}", reason, label="user-action-pod")
    made["spec"] = {"containers": [{"image": image}]}
    made["status"]["phase"] = "Running" if not reason else "Pending"
    return made


def test_pods_of_actions_that_are_made_again_and_again_are_one() -> None:
    """The invoker deletes one within seconds: 78 in 110 s, each under another name."""
    patience, lost = Patience(), {}
    for second in range(int(GIVE_UP_AFTER) + 10):
        reason = ("ContainerCreating", "ErrImagePull", "ImagePullBackOff", "")[second % 4]
        pods = [_action(second // 4, reason)] if reason else []  # none is there for a moment
        lost = patience.lost(pods, second)
        if second < GIVE_UP_AFTER:
            assert lost == {}
        if lost:
            break
    assert lost == {"wsk-11": "container c: ImagePullBackOff: m"}


def test_an_action_that_runs_at_last_is_not_lost() -> None:
    patience = Patience()
    assert patience.lost([_action(1, "ErrImagePull")], 0) == {}
    assert patience.lost([_action(2, "")], 10) == {}
    assert patience.lost([_action(3, "ErrImagePull")], 15) == {}
    assert patience.lost([_action(4, "ErrImagePull")], GIVE_UP_AFTER + 1) == {}
    other = _action(5, "ErrImagePull", image="python:9")
    assert patience.lost([other], GIVE_UP_AFTER + 2) == {}


def test_a_job_that_failed_is_told_as_itself() -> None:
    objects = _complete()
    objects[STATEFUL]["owdev-zookeeper"] = _workload("owdev-zookeeper", ready=0)
    objects[JOB]["owdev-init-couchdb"] = _job("owdev-init-couchdb", "Failed")
    found = stages.progress(stages.stages(SETTINGS), "owdev", Seen(objects))
    assert stages.frontier(found)[0].stage.name == "zookeeper"
    first = first_failed(found)
    assert first is not None
    assert first.stage.name == "init-couchdb"


def test_the_pod_of_an_action_that_cannot_start_tells_why_packages_wait() -> None:
    own = _pod("owdev-install-packages", "PodInitializing")
    action = _pod("wsk0", "ErrImagePull", label="user-action-pod")
    other = _pod("owdev-kafka", "ErrImagePull")
    pods = [own, action, other]
    found = blocking_pods(pods, "owdev-install-packages", "install-packages")
    assert found == [action, own]
    assert blocking_pods(pods, "owdev-kafka", "kafka") == [other]


def test_only_pods_of_stages_that_are_missing_end_the_waiting() -> None:
    objects = _complete()
    for name in ("owdev-redis", "owdev-couchdb"):
        objects[DEPLOYMENT][name] = _workload(name, ready=0)
    found = stages.progress(stages.stages(SETTINGS), "owdev", Seen(objects))
    admin, redis = _pod("owdev-wskadmin", "ErrImagePull"), _pod("owdev-redis", "ErrImagePull")
    action = _pod("wsk0", "ErrImagePull", label="user-action-pod")
    pods = [admin, redis, action]
    assert concerned(pods, "owdev", found) == [redis]
    at = first_of({"owdev-redis"}, pods, "owdev", found)
    assert at is not None
    assert at.stage.name == "redis"  # though CouchDB is the first that is not there
    assert first_of(set(), pods, "owdev", found) is None


def test_actions_matter_while_the_packages_wait_for_the_first() -> None:
    objects = _complete()
    objects[JOB]["owdev-install-packages"] = _job("owdev-install-packages")
    found = stages.progress(stages.stages(SETTINGS), "owdev", Seen(objects))
    action = _pod("wsk0", "ErrImagePull", label="user-action-pod")
    assert concerned([action], "owdev", found) == [action]


def _node(name: str, memory: str = "4Gi", arch: str = "amd64", **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {"nodeInfo": {"architecture": arch}, "allocatable": {"memory": memory}},
    }


INVOKER = {"openwhisk-role": "invoker"}
NFS = [{"metadata": {"name": "nfs-client"}}]
LAB = Place("10.0.0.1", "nfs-client")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (fits.Found([_node("m"), _node("w", **INVOKER)], NFS, []), []),
        (fits.Found([_node("m"), _node("w")], NFS, []), ["0 of 2 nodes have the label"]),
        (
            fits.Found([_node("m"), _node("w", "1500Mi", **INVOKER)], NFS, []),
            ["actions may use 1 x 2048 MB, and the nodes for them have 1500 MB"],
        ),
        (
            fits.Found([_node("m", arch="arm64"), _node("w", **INVOKER)], NFS, []),
            ["m is arm64, and OpenWhisk's images are for amd64"],
        ),
        (
            fits.Found([_node("m"), _node("w", **INVOKER)], [{"metadata": {"name": "x"}}], []),
            ["there is no storage class nfs-client, there are x"],
        ),
        (
            fits.Found(
                [_node("m"), _node("w", **INVOKER)], NFS,
                [{"metadata": {"namespace": "web", "name": "shop"},
                  "spec": {"ports": [{"nodePort": 31001}]}}],
            ),
            ["port 31001 is taken by the service web/shop"],
        ),
        (
            fits.Found(
                [_node("m"), _node("w", **INVOKER)], NFS,
                [{"metadata": {"namespace": "old", "name": "ow-nginx",
                               "labels": {"chart": "openwhisk-1.0.1", "release": "ow"}},
                  "spec": {"ports": [{"nodePort": 31001}]}}],
            ),
            ["OpenWhisk runs as release ow in namespace old, and openwhisk_release and"],
        ),
        (
            fits.Found(
                [_node("m"), _node("w", **INVOKER)], NFS,
                [{"metadata": {"namespace": "openwhisk", "name": "owdev-nginx"},
                  "spec": {"ports": [{"nodePort": 31001}]}}],
            ),
            [],
        ),
    ],
)  # fmt: skip
def test_what_a_cluster_must_have(found: fits.Found, expected: list[str]) -> None:
    sentences = fits.unfit(SETTINGS, LAB, found)
    assert len(sentences) == len(expected)
    for sentence, words in zip(sentences, expected, strict=True):
        assert words in sentence


def test_one_node_needs_no_label() -> None:
    alone = Place("10.0.0.1", "nfs-client", single_node=True)
    assert fits.unfit(SETTINGS, alone, fits.Found([_node("m")], NFS, [])) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2Gi", 2**31), ("1500M", 1_500_000_000), ("4096", 4096), ("16270256Ki", 16270256 * 1024)],
)
def test_quantities(text: str, expected: int) -> None:
    assert fits.quantity(text) == expected
