"""What `whisklab status` shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploys.helm.status import line as release_line
from deploys.k3s.status import REMOVAL
from deploys.k3s.status import lines as node_lines
from deploys.openwhisk import stages
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.status import lines as stage_lines
from whisklab.cli import status
from whisklab.cli.main import run
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import Revision, encode
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.kube import Endpoint
from whisklab.engine.run.overview import Line
from whisklab.lab import state
from whisklab.lab import status as labs

LAB = {
    "name": "lab", "provider": "nspawn", "catalogue": "upstream",
    "hosts": [{"name": "master", "state": "stopped", "groups": ["masters"], "address": "10.0.0.1",
               "ssh_address": "192.168.121.7", "ssh_port": 2222, "forwards": {"6443": 4711}}],
}  # fmt: skip


def node(name: str, *, ready: str = "True", cordoned: bool = False) -> dict[str, Any]:
    labels = {"node-role.kubernetes.io/control-plane": "true", "openwhisk-role": "core",
              "kubernetes.io/os": "linux"}  # fmt: skip
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"unschedulable": True} if cordoned else {},
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "nodeInfo": {"kubeletVersion": "v1.34.3+k3s1"},
        },
    }


def revision(status: str, number: int = 2) -> Revision:
    info = {"status": status, "description": "it broke"}
    chart = {"metadata": {"name": "openwhisk", "version": "1.0.1"}}
    named = {"name": "x", "namespace": "a", "version": number}
    return Revision("s", {**named, "info": info, "chart": chart})


def test_nodes() -> None:
    items = [node("a"), node("b", ready="Unknown"), node("c", cordoned=True)]
    found = {each.name: (each.ok, each.detail) for each in node_lines(items, ["a", "b", "d"])}
    words = "v1.34.3+k3s1 control-plane openwhisk-role=core"
    assert found == {
        "a": (True, "Ready v1.34.3+k3s1 control-plane openwhisk-role=core"),
        "b": (False, "not Ready v1.34.3+k3s1 control-plane openwhisk-role=core"),
        "c": (
            False,
            f"Ready cordoned {words}; it is not in the inventory: {REMOVAL}",
        ),
        "d": (False, "not in the cluster"),
    }


def test_releases() -> None:
    good = release_line("openwhisk", "owdev", revision("deployed"), [])
    assert (good.ok, good.detail) == (True, "deployed, openwhisk 1.0.1, revision 2 in openwhisk")
    assert good.data["revision"] == 2
    bad = release_line("openwhisk", "owdev", revision("failed"), [])
    assert (bad.ok, bad.detail.split(",")[0]) == (False, "failed: it broke")
    other = release_line("openwhisk", "owdev", revision("deployed"), ["Service/x is not there"])
    assert (other.ok, other.detail.split(", ")[:2]) == (
        False,
        ["deployed", "Service/x is not there"],
    )


def test_the_newest_revision_of_each_release_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def secret(namespace: str, name: str, number: int) -> dict[str, Any]:
        labels = {"owner": "helm", "name": name, "version": str(number)}
        meta = {"namespace": namespace, "name": f"{name}.v{number}", "labels": labels}
        return {**encode(revision("deployed", number)), "metadata": meta}

    there = [secret("a", "x", 9), secret("a", "x", 10), secret("b", "x", 1)]
    asked: list[str] = []

    def request(_: Any, __: Any, ___: str, path: str, *____: Any, **_____: Any) -> Any:
        asked.append(path)
        if path.startswith("/api/v1/secrets?"):
            return {"items": [{"metadata": each["metadata"]} for each in there]}
        paths = {f"/{e['metadata']['namespace']}/secrets/{e['metadata']['name']}": e for e in there}
        return next(each for end, each in paths.items() if path.endswith(end))

    monkeypatch.setattr(kube, "request", request)
    found = Cluster(None, Endpoint("", 0)).releases()  # type: ignore[arg-type]
    assert {key: each.number for key, each in found.items()} == {("a", "x"): 10, ("b", "x"): 1}
    assert len(asked) == 3


def test_stages_that_are_done_are_one_row() -> None:
    wanted = stages.stages(OpenWhiskSettings())
    found = stage_lines(stages.progress(wanted, "owdev", stages.Seen({})))
    assert not any(each.ok for each in found)
    done = [Line("openwhisk", each.name, ok=True, detail="reached") for each in found]
    assert status.rows(done) == [("openwhisk", "stages", "ok", f"{len(wanted)} are reached")]
    one_bad = [*done[1:], found[0]]
    assert status.rows(one_bad) == [
        ("openwhisk", "stages", "", f"{len(wanted) - 1} are reached"),
        ("", "claims", "NOT OK", "there are none"),
    ]
    nothing = [Line("openwhisk", "master", ok=False, detail="there is no cluster")]
    assert status.rows(nothing) == [("openwhisk", "master", "NOT OK", "there is no cluster")]


def test_a_topic_is_named_once() -> None:
    lines = [
        Line("nodes", "a", ok=True, detail="Ready"),
        Line("urls", "k", ok=True, detail="https://x", data={"url": "https://x"}),
        Line("nodes", "b", ok=False, detail="not Ready"),
    ]
    assert [row[:3] for row in status.rows(lines)] == [
        ("nodes", "a", "ok"), ("", "b", "NOT OK"), ("urls", "k", "ok"),
    ]  # fmt: skip
    assert status.as_data(lines)["urls"] == [
        {"name": "k", "ok": True, "detail": "https://x", "url": "https://x"}
    ]
    assert status.rows([]) == []


@pytest.mark.parametrize("has_inventory", [False, True])
def test_a_lab_that_is_stopped(
    has_inventory: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(state, "load", lambda _: object())
    monkeypatch.setattr(labs, "read", lambda _: LAB)
    if has_inventory:
        (tmp_path / "inventories").mkdir()
        (tmp_path / "inventories/lab.py").touch()
    assert run(["status", "lab"]) == int(has_inventory)  # machines alone are just shown
    shown = capsys.readouterr().out
    assert "master  stopped  masters  10.0.0.1  192.168.121.7:2222  6443->127.0.0.1:4711" in shown
    assert run(["status", "lab", "--json"]) == int(has_inventory)
    assert json.loads(capsys.readouterr().out)["hosts"] == LAB["hosts"]
