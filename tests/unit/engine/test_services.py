"""Restarts come from what the running process started with."""

from __future__ import annotations

import pytest

from whisklab.engine.services import Service, recorder, why_restart

SHOWN = ["LoadState=loaded", "ActiveState=active", "UnitFileState=enabled", "NeedDaemonReload=no"]


def test_the_fact() -> None:
    state = Service().process([*SHOWN, "aa  /usr/bin/x", "bb  /etc/with space"])
    assert state.active == "active"
    assert state.enabled
    assert not state.needs_reload
    assert state.started_from == {"/usr/bin/x": "aa", "/etc/with space": "bb"}


@pytest.mark.parametrize("load", ["not-found", "error", "masked", "bad-setting"])
def test_a_unit_that_systemd_did_not_read_is_read_again(load: str) -> None:
    """Each of these says that nothing needs to be reloaded when the file is back (systemd 252)."""
    assert Service().process([f"LoadState={load}", *SHOWN[1:]]).needs_reload


def test_the_reasons() -> None:
    state = Service().process([*SHOWN, "aa  /a", "bb  /b"])
    assert why_restart(state, {"/a": "aa", "/b": "bb"}) == []
    assert why_restart(state, {"/a": "aa", "/b": "cc"}) == ["/b"]
    assert why_restart(state, {"/a": "aa", "/c": "cc"}) == ["/c"]


def test_without_a_record_everything_is_a_reason() -> None:
    assert why_restart(Service().process(SHOWN), {"/a": "aa"}) == ["/a"]


def test_the_recorder_never_stops_the_service() -> None:
    assert recorder("k3s", ["/a", "/b"]).startswith("-/bin/sh -c")
