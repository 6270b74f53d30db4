"""Which servers may go to the next minor of etcd."""

from __future__ import annotations

from typing import Any

import pytest

from deploys.k3s.etcd import NODE_NAME, Etcd, brings_next, refusals

MENDED = Etcd((3, 5, 26), ("one-1a", "two-2b"))


def nodes(*members: str) -> list[dict[str, Any]]:
    """Nodes of these members, and an agent."""
    servers = [{"metadata": {"name": each, "annotations": {NODE_NAME: each}}} for each in members]
    return [*servers, {"metadata": {"name": "worker1"}}]


@pytest.mark.parametrize(
    ("found", "wanted", "does"),
    [
        ("v1.33.7+k3s1", "v1.34.3+k3s1", True),
        ("v1.32.1+k3s1", "v1.33.7+k3s3", False),
        ("v1.33.7+k3s1", "v1.33.9+k3s1", False),
        ("v1.34.3+k3s1", "v1.35.4+k3s1", False),
        (None, "v1.34.3+k3s1", False),
        ("k3s of my own", "v1.34.3+k3s1", False),
    ],
)
def test_which_changes_bring_it(found: str | None, wanted: str, does: bool) -> None:
    assert brings_next(found, wanted) is does


@pytest.mark.parametrize("etcd", [None, MENDED, Etcd((3, 5, 30), ("one-1a",)), Etcd((3, 6, 0))])
def test_who_may(etcd: Etcd | None) -> None:
    assert refusals("master", etcd, nodes("one-1a", "two-2b")) == []
    assert refusals("master", etcd, []) == []  # the API does not answer, so nobody is a ghost


@pytest.mark.parametrize("version", [(3, 5, 25), (3, 5, 9), (3, 4, 40)])
def test_an_older_one_is_mended_first(version: tuple[int, ...]) -> None:
    (told,) = refusals("master", Etcd(version, ("one-1a",)), nodes("one-1a"))
    assert told.startswith(f"etcd: master has etcd {'.'.join(map(str, version))}, after which")
    assert "set k3s_version to a v1.33 with etcd 3.5.26, such as v1.33.7+k3s3" in told


def test_each_member_that_is_no_node_is_named() -> None:
    told = refusals("master", MENDED, nodes("one-1a"))
    assert [each.split(",")[0] for each in told] == ["etcd: master counts the member two-2b"]
    told = refusals("master", Etcd((3, 5, 26), ("a", "b", "c")), nodes("c"))
    assert len(told) == 2


def test_one_that_does_not_answer_may_not() -> None:
    (told,) = refusals("master", Etcd(None, said="curl: (7) refused"), [])
    assert "does not say its version (curl: (7) refused)" in told
    assert "have k3s running there first" in told
