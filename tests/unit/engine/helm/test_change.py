"""Mending a release: what was put back is waited for, and what keeps it is told."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from whisklab.engine import drift
from whisklab.engine.helm import change
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import Release, Revision
from whisklab.engine.kubernetes import kube, waiting
from whisklab.errors import WhisklabError

SERVER: Any = SimpleNamespace(name="m1", state=SimpleNamespace())
CLUSTER = Cluster(SERVER, kube.Endpoint("", 0))
UNREADY = "Deployment/web: 0 of 1 are ready"
POD = "pod web-1 is not ready: ErrImagePull (container web)"
EVENT = "event of web-1: Failed: no such image"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What is not ready at each look, the last one for ever; nothing differs."""
    given: list[tuple[str, ...]] = [(UNREADY,), (UNREADY,), ()]

    def seen(*_: Any) -> drift.Found:
        return drift.Found((), given.pop(0) if len(given) > 1 else given[0])

    monkeypatch.setattr(waiting, "POLL", 0.0)
    monkeypatch.setattr(drift, "look", seen)
    monkeypatch.setattr(drift, "put_back", lambda *_, **__: None)
    monkeypatch.setattr(
        Cluster,
        "latest",
        lambda *_: Revision("s", {"name": "web", "namespace": "apps", "manifest": ""}),
    )
    monkeypatch.setattr(change, "blocking", lambda *_: [POD, EVENT])
    return given


def mend(*, wait: bool = True, timeout: int = 30) -> None:
    change.mend(CLUSTER, Release("web", None, "apps", wait=wait, timeout=timeout), [])


def test_it_is_waited_for(looks: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(waiting, "TOLD_EVERY", -1.0)
    monkeypatch.setattr(waiting, "tell", told.append)
    mend()
    assert looks == [()]
    assert told == [f"m1: waiting, 0 s: release web: {UNREADY}; {POD}"] * 2


def test_not_where_the_release_is_not_waited_for(looks: list[tuple[str, ...]]) -> None:
    mend(wait=False)
    assert len(looks) == 3


def test_what_keeps_it_is_told_with_all_that_is_known(looks: list[tuple[str, ...]]) -> None:
    looks[-1] = (UNREADY,)
    with pytest.raises(WhisklabError) as caught:
        mend(timeout=0)
    assert str(caught.value).splitlines() == ["release web: not ready after 0 s", POD, EVENT]
