"""What is judged of a node's k3s before it is changed: which answers meet which questions."""

from __future__ import annotations

import importlib
from datetime import date
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import yaml

from deploys.k3s import beforehand, render
from deploys.k3s.facts import FixedSettings
from deploys.k3s.installed import ForeignK3s, Given, InSqlite, Installed
from deploys.k3s.rolling import Member
from deploys.k3s.settings import K3sSettings
from whisklab.errors import BadInput

NODE = render.Node("m1", "10.0.0.1", None, is_server=True)
WANTED = yaml.safe_load(render.config(NODE, K3sSettings()))
CIDR = Given("/unit", "cluster-cidr", ("10.52.0.0/16",))
DEBUG = Given("/unit", "debug", ("true",))


def judged(
    monkeypatch: pytest.MonkeyPatch,
    good: dict[str, Any],
    found: Installed | None,
    *,
    sqlite: bool = False,
    **member: Any,
) -> tuple[list[str], list[str]]:
    """The refusals and what is told of a server m1."""
    answers = {FixedSettings: good, ForeignK3s: found, InSqlite: sqlite}
    machine = SimpleNamespace(name="m1", get_fact=lambda fact, **_: answers[fact])
    told: list[str] = []
    module = importlib.import_module(beforehand.__name__)
    monkeypatch.setattr(module, "host", machine)
    monkeypatch.setattr(module, "tell", told.append)
    monkeypatch.setattr(module.wanted, "node", lambda _: NODE)
    monkeypatch.setattr(module.token, "data", lambda _: render.DATA)
    values = {"pending": True, "known": True, "active": True, **member}
    one = Member("m1", is_server=True, **values)
    return module._lasting(one, WANTED), told


def test_of_our_own_node_the_last_good_configuration_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert judged(monkeypatch, {}, None) == ([], [])
    assert judged(monkeypatch, WANTED, None) == ([], [])
    (sentence,), told = judged(monkeypatch, {**WANTED, "cluster-cidr": "10.52.0.0/16"}, None)
    assert sentence.startswith("cluster-cidr: m1 runs with 10.52.0.0/16, and")
    assert told == []


def test_of_somebody_s_k3s_its_flags_count_and_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Installed("m1", {"cluster-cidr": CIDR, "debug": DEBUG})
    goods: list[dict[str, Any]] = [{}, WANTED]
    for good in goods:
        (sentence,), (told,) = judged(monkeypatch, good, found)
        assert sentence.startswith("cluster-cidr: m1 runs with 10.52.0.0/16, as /unit says, and")
        assert "debug=true of /unit" in told


def test_a_cluster_that_will_move_into_etcd_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    refusals, (told,) = judged(monkeypatch, {}, Installed("m1", {}), sqlite=True)
    assert refusals == []
    assert told.startswith("m1: its k3s keeps the cluster in SQLite and will move it into etcd")
    assert judged(monkeypatch, WANTED, None, sqlite=True) == ([], [])  # ours, and asked for


def test_an_emptied_unit_of_ours_is_no_other_k3s(monkeypatch: pytest.MonkeyPatch) -> None:
    good = {**WANTED, "cluster-cidr": "10.52.0.0/16"}
    (sentence,), told = judged(monkeypatch, good, Installed("m1", {}))
    assert sentence.startswith("cluster-cidr: m1 runs with 10.52.0.0/16, and")
    assert told == []


def test_a_unit_that_never_ran_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Installed("other", {"cluster-cidr": CIDR})
    assert judged(monkeypatch, {}, found, known=False, active=False, anew=True) == ([], [])
    assert len(judged(monkeypatch, {}, found, known=False, active=False)[0]) == 2


@pytest.mark.parametrize(("mode", "refused"), [("warn", True), ("refuse", True), ("accept", False)])
def test_a_template_for_containerd_can_be_accepted(
    monkeypatch: pytest.MonkeyPatch, mode: Literal["warn", "refuse", "accept"], refused: bool
) -> None:
    module = importlib.import_module(beforehand.__name__)
    monkeypatch.setattr(module, "host", None)
    monkeypatch.setattr(module.wanted, "version", lambda _: "v1.35.4+k3s1")
    settings = K3sSettings(foreign_files=mode)
    monkeypatch.setattr(module.K3sSettings, "of", lambda _: settings)
    there = ("/d/config.toml.tmpl",)
    one = Member("m1", is_server=True, pending=True, known=True, active=True,
                 version="v1.34.4+k3s1", foreign=there)  # fmt: skip
    assert bool(module._templates(one)) is refused


GATES = ("_without_cgroup_v2", "_flags", "_next_etcd", "_templates", "_lasting")


def fetched(
    monkeypatch: pytest.MonkeyPatch, says: str, *, leads: bool = False
) -> tuple[dict[str, list[str]], list[str]]:
    """The refusals by the operation that has them, and what is told, when one of all says no."""
    module = importlib.import_module(beforehand.__name__)
    refused: dict[str, list[str]] = {}
    told: list[str] = []
    one = Member("m1", is_server=True, pending=True, known=True, active=True)
    machine = SimpleNamespace(name="m1", loop=iter)
    for name, value in {
        "host": machine, "tell": told.append, "documents": SimpleNamespace(read=lambda _: {}),
        "possible": lambda name, refusals: refused.update({name: refusals}),
        "_undrainable": lambda _: ["no: drained"] if says == "_undrainable" else [],
        "_say_foreign": lambda _: None,
        **{each: (lambda *_, each=each: ["no"] if each == says else []) for each in GATES},
    }.items():  # fmt: skip
        monkeypatch.setattr(module, name, value)
    known = SimpleNamespace(
        versions=lambda _: ["v1.35.4+k3s1"],
        ends=lambda *_: date(2020, 1, 1) if says == "_say_end" else None,
    )
    for name, value in {
        "leader": lambda: SimpleNamespace(name="m1" if leads else "m0"), "servers": list,
        "members": lambda: {"m1": one}, "node": lambda _: NODE, "artifacts": lambda _: [],
        "catalogue": lambda _: known, "version": lambda _: "v1.35.4+k3s1",
    }.items():  # fmt: skip
        monkeypatch.setattr(module.wanted, name, value)
    refusal = (lambda *_: "no") if says == "refusal" else (lambda *_: None)
    monkeypatch.setattr(module.rolling, "refusal", refusal)
    token = "no" if says == "token" else None
    monkeypatch.setattr(module.token, "refusal", lambda _: token)
    monkeypatch.setattr(module.K3sSettings, "of", lambda _: K3sSettings())
    monkeypatch.setattr(module.room, "room", lambda **_: None)
    monkeypatch.setattr(module.expiry, "note", lambda *_: None)
    module.fetch.__wrapped__()
    return refused, told


@pytest.mark.parametrize("gate", [*GATES, "refusal"])
def test_each_reason_against_a_change_is_a_refusal_of_it(
    monkeypatch: pytest.MonkeyPatch, gate: str
) -> None:
    assert fetched(monkeypatch, gate) == ({"k3s can be changed": ["no"]}, [])
    assert fetched(monkeypatch, "nobody") == ({"k3s can be changed": []}, [])


@pytest.mark.parametrize(
    ("gate", "operation"),
    [("token", "The cluster keeps its token"), ("_undrainable", "Nodes can be drained")],
)
def test_what_concerns_the_cluster_is_refused_by_its_leader(
    monkeypatch: pytest.MonkeyPatch, gate: str, operation: str
) -> None:
    refused, told = fetched(monkeypatch, gate, leads=True)
    assert [name for name, why in refused.items() if why] == [operation]
    assert told == []


def test_the_end_of_a_version_s_life_is_told_by_the_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, (sentence,) = fetched(monkeypatch, "_say_end", leads=True)
    assert not any(refused.values())
    assert sentence.startswith("k3s v1.35.4+k3s1: the life of Kubernetes 1.35 has been over since")


@pytest.mark.parametrize(("makes", "card", "refused"), [
    (False, None, False), (False, "eth1", False), (True, "eth1", False), (True, None, True),
])  # fmt: skip
def test_a_route_that_leads_nowhere_is_not_for_pods(
    monkeypatch: pytest.MonkeyPatch, makes: bool, card: str | None, refused: bool
) -> None:
    module, one = importlib.import_module(beforehand.__name__), SimpleNamespace(name="w1")
    monkeypatch.setattr(module.wanted, "servers", lambda: [one])
    monkeypatch.setattr(module.wanted, "nodes", lambda: [one])
    monkeypatch.setattr(module.wanted, "version", lambda _: "v1.36.4+k3s1")
    settings = K3sSettings(dummy_route=makes)
    monkeypatch.setattr(module.K3sSettings, "of", lambda _: settings)
    machine = SimpleNamespace(node_interface=card)
    monkeypatch.setattr(module.Machine, "of", lambda _: machine)
    if not refused:
        module._require_agreement()
        return
    with pytest.raises(BadInput, match="^w1: k3s_dummy_route .* say node_interface in the inven"):
        module._require_agreement()
