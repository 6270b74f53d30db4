"""Restarts come from what the running process started with."""

from __future__ import annotations

import pytest

from whisklab.engine.resources.services import Running
from whisklab.engine.resources.units import Service, ServiceState, recorder

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


def why(state: ServiceState, **wish: str) -> str | None:
    """Why it is not as wanted, by the names of files."""
    return Running("x", {f"/{name}": sha for name, sha in wish.items()}).why(state)


def test_the_reasons() -> None:
    state = Service().process([*SHOWN, "aa  /a", "bb  /b"])
    assert why(state, a="aa", b="bb") is None
    assert why(state, a="aa", b="cc") == "it runs on another /b"
    assert why(state, a="aa", c="cc") == "it runs on another /c"
    assert why(state, a="", b="") == "it runs on another /a; it runs on another /b"


def test_without_a_record_everything_is_a_reason() -> None:
    assert why(Service().process(SHOWN), a="aa") == "it runs on another /a"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({1: "ActiveState=failed"}, "it is failed"),
        ({2: "UnitFileState=disabled"}, "it is not enabled"),
        ({3: "NeedDaemonReload=yes"}, "systemd knows another unit file"),
        ({2: "UnitFileState=x", 3: "NeedDaemonReload=yes"},
         "systemd knows another unit file; it is not enabled"),
        ({1: "ActiveState=inactive", 3: "NeedDaemonReload=yes"}, "it is inactive"),
    ],
)  # fmt: skip
def test_each_property_is_one(change: dict[int, str], said: str) -> None:
    lines = [change.get(number, line) for number, line in enumerate([*SHOWN, "aa  /a"])]
    assert why(Service().process(lines), a="aa") == said


def test_the_recorder_never_stops_the_service() -> None:
    assert recorder("k3s", ["/a", "/b"]).startswith("-/bin/sh -c")
