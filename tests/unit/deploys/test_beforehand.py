"""What is judged of a node's k3s before it is changed: which answers meet which questions."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any, Literal

import pytest
import yaml

from deploys.k3s import beforehand, render
from deploys.k3s.facts import FixedSettings
from deploys.k3s.installed import ForeignK3s, Given, InSqlite, Installed
from deploys.k3s.rolling import Member
from deploys.k3s.settings import K3sSettings

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
