"""The provisioner's values, and which storage class is the default."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from deploys.provisioner.render import DEFAULT, TAKEN, default_patches, values
from deploys.provisioner.settings import ProvisionerSettings
from deploys.provisioner.verify import leaving_nothing, stale


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
