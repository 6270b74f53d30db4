"""The order of a rolling change, and which steps of version are allowed."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploys.k3s.rolling import (
    Member,
    ended,
    newer,
    refusal,
    turns,
    wants_cgroup_v2,
    with_removed_flags,
    with_templates,
)

AVAILABLE = ["v1.34.4+k3s1", "v1.35.1+k3s1", "v1.35.10+k3s1", "v1.36.3+k3s1"]


@pytest.mark.parametrize(
    ("version", "wants"),
    [("v1.34.9+k3s1", False), ("v1.35.0+k3s1", True), ("v1.36.4+k3s1", True), ("v2.0.0+k3s1", True),
     ("k3s of my own", False)],
)  # fmt: skip
def test_from_which_version_on_control_groups_count(version: str, wants: bool) -> None:
    assert wants_cgroup_v2(version) is wants


@pytest.mark.parametrize(
    ("version", "ends", "today", "said"),
    [
        ("v1.34.4+k3s1", date(2026, 10, 27), date(2026, 11, 28), "has been over since 2026-10-27"),
        ("v1.34.4+k3s1", date(2026, 10, 27), date(2026, 10, 27), "has been over since 2026-10-27"),
        ("v1.34.4+k3s1", date(2026, 10, 27), date(2026, 9, 27), "is over on 2026-10-27"),
        ("v1.34.4+k3s1", date(2026, 10, 27), date(2026, 9, 26), None),
        ("v1.34.4+k3s1", None, date(2030, 1, 1), None),
        ("k3s of my own", date(2026, 10, 27), date(2030, 1, 1), None),
    ],
)
def test_a_version_whose_life_is_over(
    version: str, ends: date | None, today: date, said: str | None
) -> None:
    found = ended(version, ends, today, AVAILABLE)
    if said is None:
        assert found is None
    else:
        assert found == (
            f"k3s v1.34.4+k3s1: the life of Kubernetes 1.34 {said}, then nothing in it is mended: "
            "set k3s_version to a v1.35, such as v1.35.10+k3s1"
        )


def member(name: str, **changes: object) -> Member:
    values = {"is_server": False, "pending": True, "known": True, "active": True}
    return Member(name, **{**values, **changes})  # type: ignore[arg-type]


def test_servers_come_first_then_agents_that_are_down_then_the_others() -> None:
    assert turns([
        member("m1", is_server=True),
        member("w1"),
        member("w2", active=False),
        member("m2", is_server=True, known=False, active=False),
        member("w3"),
    ]) == ["m1", "m2", "w2", "w1", "w3"]  # fmt: skip


def test_who_is_as_wanted_has_no_turn_and_new_agents_need_none() -> None:
    assert turns([member("m1", is_server=True, pending=False), member("w1", pending=False),
                  member("w2", known=False, active=False)]) == []  # fmt: skip


@pytest.mark.parametrize(
    ("pending", "known", "joins"),
    [(True, False, True), (True, True, False), (False, True, False)],
)
def test_who_joins(pending: bool, known: bool, joins: bool) -> None:
    assert member("w1", pending=pending, known=known).joins == joins


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (None, "v1.36.3+k3s1"),
        ("v1.34.4+k3s1", "v1.34.4+k3s2"),
        ("v1.34.4+k3s1", "v1.34.5+k3s1"),
        ("v1.34.4+k3s1", "v1.35.1+k3s1"),
        ("v1.9.9+k3s1", "v1.10.0+k3s1"),
        ("k3s of my own", "v1.35.1+k3s1"),
    ],
)
def test_steps_that_are_allowed(found: str | None, wanted: str) -> None:
    assert refusal(member("w1", version=found), wanted, AVAILABLE) is None


def test_a_skipped_minor_names_the_newest_step_between() -> None:
    why = refusal(member("w1", version="v1.34.4+k3s1"), "v1.36.3+k3s1", AVAILABLE)
    assert why is not None
    assert why.endswith("set k3s_version to a v1.35, such as v1.35.10+k3s1, and deploy that first")


def test_a_skipped_minor_that_the_catalogue_lacks() -> None:
    why = refusal(member("w1", version="v1.30.1+k3s1"), "v1.36.3+k3s1", AVAILABLE)
    assert why is not None
    assert why.endswith("set k3s_version to a v1.31, and deploy that first")


versions = st.tuples(*[st.integers(0, 40)] * 4).map(
    lambda n: (n, f"v{n[0]}.{n[1]}.{n[2]}+k3s{n[3]}")
)


@given(versions, versions)
def test_back_is_never_allowed(
    one: tuple[tuple[int, ...], str], other: tuple[tuple[int, ...], str]
) -> None:
    assert newer(one[1], other[1]) == (one[0] > other[0])
    if one[0] > other[0]:
        why = refusal(member("w1", version=one[1]), other[1], [])
        assert why is not None
        assert "cannot go back" in why


IMAGE = "pod-infra-container-image"


@pytest.mark.parametrize(
    ("version", "config", "places", "told"),
    [
        ("v1.34.4+k3s1", {"kubelet-arg": [f"{IMAGE}=x"]}, {}, []),
        ("v1.35.0+k3s1", {"kubelet-arg": [f"{IMAGE}=x"]}, {}, ["k3s_server_config or"]),
        ("v1.36.3+k3s1", {"kubelet-arg": f"--{IMAGE}=x"}, {}, ["k3s_server_config or"]),
        ("v1.36.3+k3s1", {"kubelet-arg+": ["max-pods=9", f"{IMAGE}"]}, {}, ["k3s_server_config"]),
        ("v1.36.3+k3s1", {"kubelet-arg": [f"max-pods={IMAGE}"]}, {}, []),
        ("v1.36.3+k3s1", {}, {"/etc/x.yaml, line 3": IMAGE}, ["/etc/x.yaml, line 3"]),
        ("v1.36.3+k3s1", {"kubelet-arg": [IMAGE]}, {"/x, line 1": IMAGE}, ["k3s_", "/x, line 1"]),
    ],
)
def test_what_a_kubelet_has_no_more_is_named_with_its_place(
    version: str, config: dict[str, object], places: dict[str, str], told: list[str]
) -> None:
    found = with_removed_flags("w1", version, config, places)
    assert len(found) == len(told)
    for sentence, place in zip(found, told, strict=True):
        assert sentence.startswith(f"kubelet: w1 is told --{IMAGE} by {place}")
        assert f"the kubelet of k3s {version} does not start any more: take it out" in sentence


CONTAINERD = "/var/lib/rancher/k3s/agent/etc/containerd"
V2, V3 = f"{CONTAINERD}/config.toml.tmpl", f"{CONTAINERD}/config-v3.toml.tmpl"
DROP_IN = "/etc/rancher/k3s/config.yaml.d/50.yaml"


@pytest.mark.parametrize(
    ("found", "foreign", "refused"),
    [
        ("v1.34.4+k3s1", (V2,), True),
        ("v1.34.4+k3s1", (DROP_IN, V3), True),
        ("v1.34.4+k3s1", (DROP_IN,), False),
        ("v1.35.1+k3s1", (V2, V3), False),  # another patch release
        (None, (V2,), False),  # the wanted one, or none
        ("k3s of my own", (V2,), False),
    ],
)
def test_a_template_for_containerd_is_for_one_minor(
    found: str | None, foreign: tuple[str, ...], refused: bool
) -> None:
    sentences = with_templates(member("w1", version=found, foreign=foreign), "v1.35.4+k3s1")
    assert bool(sentences) is refused
    for sentence in sentences:
        assert sentence.startswith(f"containerd: w1 has {foreign[-1]}, which is for the container")
        assert "with that of v1.35.4+k3s1: take it away, or see" in sentence
