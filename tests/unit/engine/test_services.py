"""Restarts come from what the running process started with."""

from __future__ import annotations

from whisklab.engine.services import Service, recorder, why_restart

SHOWN = ["ActiveState=active", "UnitFileState=enabled", "NeedDaemonReload=no"]


def test_the_fact() -> None:
    state = Service().process([*SHOWN, "aa  /usr/bin/x", "bb  /etc/with space"])
    assert state.active == "active"
    assert state.enabled
    assert not state.needs_reload
    assert state.started_from == {"/usr/bin/x": "aa", "/etc/with space": "bb"}


def test_the_reasons() -> None:
    state = Service().process([*SHOWN, "aa  /a", "bb  /b"])
    assert why_restart(state, {"/a": "aa", "/b": "bb"}) == []
    assert why_restart(state, {"/a": "aa", "/b": "cc"}) == ["/b"]
    assert why_restart(state, {"/a": "aa", "/c": "cc"}) == ["/c"]


def test_without_a_record_everything_is_a_reason() -> None:
    assert why_restart(Service().process(SHOWN), {"/a": "aa"}) == ["/a"]


def test_the_recorder_never_stops_the_service() -> None:
    assert recorder("k3s", ["/a", "/b"]).startswith("-/bin/sh -c")
