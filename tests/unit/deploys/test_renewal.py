"""Which of k3s's certificates are made anew, in which order, and what a start would not renew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys.k3s import render, renewal
from deploys.k3s.rolling import Member
from deploys.k3s.settings import K3sSettings
from whisklab.engine.tls.certificates import ALL_DAYS, Certificate

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MONTH, EVER = timedelta(days=30), timedelta(days=ALL_DAYS)
TLS = "/data/server/tls"


def cert(days: float, path: str = f"{TLS}/a.crt", *, signs: bool = False) -> Certificate:
    return Certificate(path, "x", NOW, NOW + timedelta(days=days), signs)


def member(name: str, *days: float, server: bool = False, **changes: bool) -> Member:
    values = {"pending": False, "known": True, "active": True, **changes}
    return Member(name, is_server=server, certificates=tuple(map(cert, days)), **values)  # type: ignore[arg-type]


def test_who_has_a_turn() -> None:
    members = [
        member("w1", 10, 400),
        member("w2", 31),
        member("w3", active=False, pending=True),
        member("m1", 200, server=True),
        member("m2", -5, server=True),
    ]
    assert renewal.turns(members, NOW, MONTH) == ["m2", "w3", "w1"]
    assert renewal.turns(members, NOW, EVER) == ["m1", "m2", "w3", "w1", "w2"]
    assert renewal.turns([member("w2", 31)], NOW, MONTH) == []


def test_an_authority_gives_no_turn() -> None:
    ca = Member("m", is_server=True, pending=False, known=True, active=True,
                certificates=(cert(5, signs=True),))  # fmt: skip
    assert renewal.turns([ca], NOW, EVER) == []
    assert not renewal.is_over(ca, NOW)


def test_who_cannot_get_worse() -> None:
    assert renewal.is_over(member("m", 300, -1), NOW)
    assert not renewal.is_over(member("m", 300, 1), NOW)


def test_what_a_start_would_leave() -> None:
    found = [
        cert(10, f"{TLS}/soon.crt"),
        cert(89, f"{TLS}/within.crt"),
        cert(91, f"{TLS}/later.crt"),
        cert(300, f"{TLS}/etcd/later.crt"),
        cert(300, "/data/agent/later.crt"),
        cert(300, render.KUBECONFIG),
        cert(300, f"{TLS}/{render.SHOWN}"),
        Certificate(f"{TLS}/broken.crt", "", None, None),
    ]
    paths = renewal.aside(found, TLS, NOW)
    files = [f"{TLS}/{name}.crt" for name in ("later", "etcd/later", "broken")]
    assert sorted(paths) == sorted([*files, f"{TLS}/{render.SHOWN}"])
    assert renewal.split(paths, TLS) == (files, f"{TLS}/{renewal.REGENERATE}")
    assert renewal.split(files, TLS) == (files, "")


@given(st.lists(st.floats(-1000, 4000)), st.integers(1, ALL_DAYS))
def test_all_that_is_due_is_renewed_by_a_start_or_set_aside(days: list[float], limit: int) -> None:
    found = [cert(each, f"{TLS}/{index}.crt") for index, each in enumerate(days)]
    due = renewal.due(found, NOW, timedelta(days=limit))
    aside = renewal.aside(due, TLS, NOW)
    assert all(each.path in aside or each.left(NOW) < renewal.WINDOW for each in due)
    assert set(aside) <= {each.path for each in due}


@pytest.mark.parametrize(
    ("node", "why"),
    [
        (member("m", 10), None),
        (member("m", 10, active=False, pending=True), None),
        (member("m", 10, pending=True), "its k3s is not as the data say, which a restart would"),
        (member("m", known=False, active=False, pending=True), "it has no k3s yet"),
    ],
)
def test_who_cannot_be_restarted(node: Member, why: str | None) -> None:
    said = renewal.refusal(node, "lab")
    if why is None:
        assert said is None
        return
    assert said is not None
    assert said.startswith(f"renew: m: {why}")
    assert said.endswith("run `whisklab apply lab` first")


def test_where_they_lie_follows_the_directory_of_the_data() -> None:
    settings = K3sSettings(agent_config={"data-dir": "/srv/k3s"})
    agent = render.Node("w", "10.0.0.2", "https://10.0.0.1:6443", is_server=False)
    server = render.Node("m", "10.0.0.1", None, is_server=True)
    assert render.certificates(agent, settings) == "/srv/k3s/agent/*.crt"
    assert render.tls(server, settings) == "/var/lib/rancher/k3s/server/tls"
    found = render.certificates(server, settings).split()
    assert "/var/lib/rancher/k3s/server/tls/dynamic-cert.json" in found
    assert render.KUBECONFIG in found
    assert not any("temporary" in each or each.endswith("key") for each in found)
