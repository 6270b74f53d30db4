"""Volumes that exist stay where they are."""

from __future__ import annotations

from typing import Any

from deploys.provisioner import health
from deploys.provisioner.bound import elsewhere


def volume(name: str, path: str = "/x", server: str = "10.0.0.1", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"annotations": {"pv.kubernetes.io/provisioned-by": "p"}},
        "spec": {
            "storageClassName": "nfs-client",
            "nfs": {"server": server, "path": f"{path}/openwhisk-{name}"},
            "claimRef": {"namespace": "openwhisk", "name": name},
            **spec,
        },
    }


def test_only_volumes_of_ours_that_lie_elsewhere_are_named() -> None:
    there = [volume("a"), volume("deep", "/x/by/pattern"), volume("theirs", "/y", nfs=None)]
    assert elsewhere(there, "nfs-client", "10.0.0.1", "/x/") == []
    other = volume("other", "/y", storageClassName="fast")
    by_hand = volume("hand", "/y") | {"metadata": {}}
    assert elsewhere([*there, other, by_hand], "nfs-client", "10.0.0.1", "/x") == []
    (sentence,) = elsewhere(there, "nfs-client", "10.0.0.1", "/xy")
    assert sentence.startswith(
        "export: the data of claim openwhisk/a, claim openwhisk/deep are at 10.0.0.1:/x, and a"
    )
    many = [volume(str(number)) for number in range(5)]
    (sentence,) = elsewhere(many, "nfs-client", "10.0.0.2", "/x")
    assert "claim openwhisk/2 and 2 more are at 10.0.0.1:/x" in sentence
    assert "cannot move to 10.0.0.2:/x: set nfs_exports or provisioner_path back" in sentence


def pod(name: str, claim: str) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "openwhisk", "name": name},
        "spec": {"volumes": [{"persistentVolumeClaim": {"claimName": claim}}, {"emptyDir": {}}]},
    }


def test_claims_without_data_are_named_with_their_pods() -> None:
    volumes = [volume(name) | {"metadata": {"name": f"pvc-{name}"}} for name in ("a", "b", "c")]
    mount = "/var/lib/kubelet/pods/1/volumes/kubernetes.io~nfs/pvc-b"
    found = health.sentences(
        volumes, {"pvc-a"}, {"w1": [mount], "w2": []}, [pod("p", "a"), pod("q", "a"), pod("r", "c")]
    )
    gone = "its directory /x/openwhisk-a is not there on 10.0.0.1"
    assert [each.partition(": put the directories back from a backup")[0] for each in found] == [
        f"claim openwhisk/a (used by openwhisk/p, openwhisk/q): {gone}",
        "claim openwhisk/b (used by no pod): w1 has a stale mount of it",
    ]
    assert health.sentences(volumes, set(), {"w1": []}, []) == []
