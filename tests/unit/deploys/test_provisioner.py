"""The provisioner's values, and which storage class is the default."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from deploys.provisioner.render import DEFAULT, TAKEN, default_patches, values
from deploys.provisioner.settings import ProvisionerSettings
from deploys.provisioner.verify import bound_to, leaving_nothing, stale
from whisklab.engine.kubernetes import kube, waiting
from whisklab.engine.kubernetes.client import Client
from whisklab.errors import WhisklabError


def test_values_of_the_chart() -> None:
    settings = ProvisionerSettings(
        image="registry.test:5000/nfs:v1", default_class=True, values={"nfs": {"volumeName": "x"}}
    )
    found = values(settings, "10.0.0.1", "/export")
    assert found["image"] == {"repository": "registry.test:5000/nfs", "tag": "v1"}
    assert found["nfs"] == {
        "server": "10.0.0.1", "path": "/export", "mountOptions": [], "volumeName": "x"}  # fmt: skip
    assert found["storageClass"]["defaultClass"] is True
    assert found["leaderElection"] == {"enabled": False}
    two = ProvisionerSettings(values={"replicaCount": 2})
    assert values(two, "10.0.0.1", "/export")["leaderElection"] == {"enabled": True}


def test_the_class_of_a_check_points_to_a_directory_of_its_own() -> None:
    """With the pathPattern of ours it would, and remove, a directory of other claims."""
    ours = {"provisioner": "p", "reclaimPolicy": "Retain",
            "parameters": {"pathPattern": "${.PVC.namespace}", "onDelete": "retain"}}  # fmt: skip
    found = leaving_nothing(ours, "check")
    assert found["parameters"] == {"archiveOnDelete": "false"}
    assert (found["provisioner"], found["reclaimPolicy"]) == ("p", "Delete")


def test_classes_of_checks_that_gave_up_go_when_nothing_needs_them() -> None:
    made = datetime(2026, 11, 28, 12, tzinfo=UTC)
    names = ("whisklab-verify-1", "whisklab-verify-2", "nfs-client")
    at = made.isoformat().replace("+00:00", "Z")
    classes = [{"metadata": {"name": name, "creationTimestamp": at}} for name in names]
    volumes: list[dict[str, Any]] = [
        {"spec": {"storageClassName": "whisklab-verify-2"}},
        {"spec": {}},
    ]
    assert stale(classes, volumes, made.timestamp() + 3601) == ["whisklab-verify-1"]
    assert stale(classes, volumes, made.timestamp() + 3599) == []


def test_there_is_one_default_class() -> None:
    before = {"local-path": {DEFAULT: "true"}, "other": {}, "nfs-client": {DEFAULT: "true"}}
    assert default_patches(before, "nfs-client", wanted=False) == {}
    taken = default_patches(before, "nfs-client", wanted=True)
    assert taken == {"local-path": {DEFAULT: "false", TAKEN: "true"}}
    after = before | {"local-path": {DEFAULT: "false", TAKEN: "true"}}
    assert default_patches(after, "nfs-client", wanted=True) == {}
    given_back = default_patches(after, "nfs-client", wanted=False)
    assert given_back == {"local-path": {DEFAULT: "true", TAKEN: None}}


@pytest.mark.parametrize("never", [False, True])
def test_a_claim_is_waited_for_and_its_last_event_told(
    monkeypatch: pytest.MonkeyPatch, *, never: bool
) -> None:
    left = 3

    def request(_: Any, __: Any, method: str, path: str, *___: Any, **____: Any) -> Any:
        nonlocal left
        assert method == "GET"
        if "/events?" in path:
            return {"items": [
                {"reason": "Provisioning", "message": text, "lastTimestamp": f"2026-01-01T0{at}"}
                for text, at in (("Waiting for a volume", 2), ("the first", 1))
            ]}  # fmt: skip
        left -= 1
        bound = left < 0 and not never
        return {"spec": {"volumeName": "pv" if bound else None},
                "status": {"phase": "Bound" if bound else "Pending"}}  # fmt: skip

    monkeypatch.setattr(kube, "request", request)
    monkeypatch.setattr(waiting, "POLL", 0.0)
    # deploys.provisioner has a function of the module's name.
    verify = importlib.import_module(bound_to.__module__)
    monkeypatch.setattr(verify, "WITHIN", 0.0 if never else 30.0)
    server: Any = SimpleNamespace(name="m1", state=SimpleNamespace())
    client = Client(server, kube.Endpoint("", 0))
    if not never:
        assert bound_to(client, "c", "see the log") == "pv"
        return
    why = "after 0 s still the claim c is not bound; event of c: Provisioning: Waiting for a volume"
    with pytest.raises(WhisklabError, match=f"^{why}: see the log$"):
        bound_to(client, "c", "see the log")
