"""The provisioner's values, and which storage class is the default."""

from __future__ import annotations

from deploys.provisioner.render import DEFAULT, TAKEN, default_patches, values
from deploys.provisioner.settings import ProvisionerSettings
from deploys.provisioner.verify import leaving_nothing


def test_values_of_the_chart() -> None:
    settings = ProvisionerSettings(
        image="registry.test:5000/nfs:v1", default_class=True, values={"nfs": {"volumeName": "x"}}
    )
    found = values(settings, "10.0.0.1", "/export")
    assert found["image"] == {"repository": "registry.test:5000/nfs", "tag": "v1"}
    assert found["nfs"] == {
        "server": "10.0.0.1", "path": "/export", "mountOptions": [], "volumeName": "x"}  # fmt: skip
    assert found["storageClass"]["defaultClass"] is True


def test_the_class_of_a_check_points_to_a_directory_of_its_own() -> None:
    """With the pathPattern of ours it would, and remove, a directory of other claims."""
    ours = {"provisioner": "p", "reclaimPolicy": "Retain",
            "parameters": {"pathPattern": "${.PVC.namespace}", "onDelete": "retain"}}  # fmt: skip
    found = leaving_nothing(ours, "check")
    assert found["parameters"] == {"archiveOnDelete": "false"}
    assert (found["provisioner"], found["reclaimPolicy"]) == ("p", "Delete")


def test_there_is_one_default_class() -> None:
    before = {"local-path": {DEFAULT: "true"}, "other": {}, "nfs-client": {DEFAULT: "true"}}
    assert default_patches(before, "nfs-client", wanted=False) == {}
    taken = default_patches(before, "nfs-client", wanted=True)
    assert taken == {"local-path": {DEFAULT: "false", TAKEN: "true"}}
    after = before | {"local-path": {DEFAULT: "false", TAKEN: "true"}}
    assert default_patches(after, "nfs-client", wanted=True) == {}
    given_back = default_patches(after, "nfs-client", wanted=False)
    assert given_back == {"local-path": {DEFAULT: "true", TAKEN: None}}
