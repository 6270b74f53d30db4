"""Which claims have lost their data is told, and nothing changed: real directories, a given API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploys.provisioner import facts, health
from deploys.provisioner.bound import VOLUMES
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT, PODS, REFUSALS, SILENT, always
from tests.contract.fake_objects import Objects
from whisklab.engine.data.machine import Machine

ADDRESS = "10.0.0.9"
CLAIM = {"namespace": "a", "name": "data"}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Objects:
    """A cluster with two volumes on this machine, and others that are not ours."""
    found = Objects({})
    fake.serve(monkeypatch, found)
    monkeypatch.setattr(Machine, "of", classmethod(lambda cls, _: cls(node_address=ADDRESS)))
    for name in ("one", "two"):
        volume(found, tmp_path, name)
        (tmp_path / name).mkdir()
    volume(found, tmp_path, "elsewhere", server="10.0.0.8")
    volume(found, tmp_path, "theirs", kind="local-path")
    volume(found, tmp_path, "by-hand", made=None)
    return found


def volume(api: Objects, root: Path, name: str, *, server: str = ADDRESS, kind: str = "nfs-client",
           made: str | None = "x") -> None:  # fmt: skip
    notes = {"pv.kubernetes.io/provisioned-by": made} if made else None
    nfs = {"server": server, "path": str(root / name)}
    spec = {"storageClassName": kind, "nfs": nfs, "claimRef": {**CLAIM, "name": name}}
    api.have(f"{VOLUMES}/{name}", metadata={"annotations": notes}, spec=spec)


def told(**how: Any) -> fake.Done:
    """Have it tell; nothing is ever to be done."""
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    return do(health.told, api=ENDPOINT, storage_class="nfs-client", nodes=[], **how)


def test_nothing_is_told_of_directories_that_are_there(api: Objects) -> None:
    done = told()
    assert (done.idle, done.told, api.changes) == (True, [], [])
    assert PODS not in api.asked


@pytest.mark.parametrize("lost", [["one"], ["two"], ["one", "two"]])
@pytest.mark.parametrize("as_file", [False, True])
def test_each_that_is_gone_is_told_with_its_claim_and_pods(
    api: Objects, tmp_path: Path, lost: list[str], *, as_file: bool
) -> None:
    for name in lost:
        (tmp_path / name).rmdir()
        if as_file:
            (tmp_path / name).touch()
    mounted = [{"persistentVolumeClaim": {"claimName": "one"}}, {"emptyDir": {}}]
    api.have("/api/v1/namespaces/a/pods/p", spec={"volumes": mounted})
    api.have("/api/v1/namespaces/b/pods/q", spec={"volumes": mounted})
    api.have("/api/v1/namespaces/a/pods/r", spec={"volumes": None})
    done = told(only_plan=True)
    assert done.idle
    assert done.told == [
        f"@local: claim a/{name} (used by {'a/p' if name == 'one' else 'no pod'}): its directory "
        f"{tmp_path / name} is not there on {ADDRESS}: {health.MENDED}"
        for name in lost
    ]
    assert api.changes == []


@pytest.mark.parametrize("name", SILENT)
def test_an_api_that_does_not_answer_is_not_told_here(api: Objects, name: str) -> None:
    """The release before it tells that."""
    api.meanwhile = always(SILENT[name][0])
    done = told()
    assert (done.idle, done.told, done.errors) == (True, [], [])


@pytest.mark.parametrize("name", REFUSALS)
def test_a_look_that_is_refused_is_told(api: Objects, name: str) -> None:
    given, sentence = REFUSALS[name]
    api.meanwhile = always(given)
    done = told()
    assert (done.failed, done.errors) == (True, [sentence])


def test_mounts_of_this_machine_can_be_looked_at() -> None:
    """The real command, with the real /proc/mounts."""
    from tests.contract.test_file_operations import fact  # noqa: PLC0415

    assert fact(facts.StaleMounts) == []
