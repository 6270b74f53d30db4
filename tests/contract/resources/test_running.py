"""A service runs from exactly its files, or on the last good ones; in a real shell."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.resources.service import CONFIG, GOOD, NAME, RECORD, UNIT, a_service, change
from tests.contract.test_base_operations import NOTHING, Machine, Outcome
from whisklab.engine.resources import services

URL = "https://10.0.0.1:5000/"
RELOAD, ENABLE = ["systemctl", "daemon-reload"], ["systemctl", "enable", "--quiet", "--", NAME]
RESTART = ["systemctl", "restart", "--", NAME]
ASKED = ["curl", "-fsS", "--cacert", "/etc/ca", "-o", "/dev/null", "--max-time", "5", URL]


def wish(machine: Machine) -> dict[str, str]:
    return {each: hashlib.sha256(machine.at(each).read_bytes()).hexdigest()
            for each in (CONFIG, UNIT)}  # fmt: skip


def run(machine: Machine, **more: Any) -> Outcome:
    given = {"service": NAME, "wish": wish(machine), "configuration": [CONFIG, UNIT],
             "health_url": URL, "authority": "/etc/ca"}  # fmt: skip
    return machine.run(services.running, **{**given, **more})


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    return a_service(tmp_path)


@pytest.fixture
def settled(bare: Machine) -> Machine:
    """One that runs from its files."""
    change(bare, ActiveState="active", UnitFileState="enabled")
    bare.put(RECORD, "".join(f"{sha}  {path}\n" for path, sha in wish(bare).items()))
    for path in (CONFIG, UNIT):
        shutil.copy2(bare.at(path), bare.put(f"{GOOD}{path}", ""))
    return bare


def test_one_that_never_ran_is_enabled_and_started_and_its_files_are_the_good_ones(
    bare: Machine,
) -> None:
    outcome = run(bare)
    assert (outcome.failed, outcome.said) == (False, [])
    assert bare.ran() == [RELOAD, ENABLE, RESTART, ASKED]
    for path in (CONFIG, UNIT):
        assert bare.at(f"{GOOD}{path}").read_bytes() == bare.at(path).read_bytes()
    assert bare.at(f"{GOOD}{CONFIG}").stat().st_mode & 0o777 == 0o640
    assert bare.at(f"{GOOD}{CONFIG}").parent.stat().st_mode & 0o77 == 0
    assert run(bare) == NOTHING


def test_one_that_runs_from_its_files_is_left_alone(settled: Machine) -> None:
    before = settled.tree()
    assert run(settled) == NOTHING
    assert (settled.tree(), settled.ran()) == (before, [])


STARTED = [RELOAD, RESTART, ASKED]
# By name: what somebody does, and what is then called.
DIFFERENCES: dict[str, tuple[Callable[[Machine], object], list[list[str]]]] = {
    "configuration": (lambda m: m.put(CONFIG, "two\n"), STARTED),
    "unit": (lambda m: m.put(UNIT, "# ours\n[Unit]\n"), STARTED),
    "record gone": (lambda m: m.at(RECORD).unlink(), STARTED),
    "stopped": (lambda m: change(m, ActiveState="inactive"), STARTED),
    "failed": (lambda m: change(m, ActiveState="failed"), STARTED),
    "disabled": (lambda m: change(m, UnitFileState="disabled"), [ENABLE]),
    "another unit is loaded": (lambda m: change(m, NeedDaemonReload="yes"), [RELOAD]),
    "stopped, disabled": (lambda m: change(m, ActiveState="inactive", UnitFileState="disabled"),
                          [RELOAD, ENABLE, RESTART, ASKED]),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_is_mended_and_no_more(settled: Machine, name: str) -> None:
    does, called = DIFFERENCES[name]
    does(settled)
    assert not run(settled).failed
    assert settled.ran() == called
    assert run(settled) == NOTHING


def test_without_an_authority_that_of_the_host_counts(bare: Machine) -> None:
    assert not run(bare, authority="").failed
    assert bare.ran()[-1] == [each for each in ASKED if each not in ("--cacert", "/etc/ca")]


def test_what_is_before_and_after_is_done_at_a_start_only(settled: Machine) -> None:
    done: list[str] = []
    calls = {each: (lambda _, each=each: done.append(each)) for each in ("before", "after")}
    assert run(settled, **calls) == NOTHING
    change(settled, UnitFileState="disabled", NeedDaemonReload="yes")
    assert not run(settled, **calls).failed
    assert done == []
    settled.put(CONFIG, "two\n")
    assert not run(settled, **calls).failed
    assert done == ["before", "after"]


@pytest.mark.parametrize("how", ["bad configuration", "no answer"])
def test_a_change_that_does_not_come_up_is_taken_back(settled: Machine, how: str) -> None:
    before = settled.at(CONFIG).read_bytes()
    settled.put(CONFIG, "bad\n" if how == "bad configuration" else "mute\n")
    settled.stub("curl", f"! grep -q mute {CONFIG!r}")
    settled.stub("date", 'n=$(cat "$root/now" 2>/dev/null || echo 1); echo $((n + 200)) | '
                         'tee "$root/now"')  # fmt: skip
    settled.at(CONFIG).chmod(0o600)
    outcome = run(settled)
    assert outcome.failed
    assert outcome.said == [
        "its last words", "web refused the new configuration; it runs on the last good one"
    ]  # fmt: skip
    assert settled.at(CONFIG).read_bytes() == before
    assert settled.at(CONFIG).stat().st_mode & 0o777 == 0o640
    assert settled.ran().count(RESTART) == 2


def test_a_first_start_that_fails_leaves_all_for_who_looks(bare: Machine) -> None:
    bare.put(CONFIG, "bad\n")
    outcome = run(bare)
    assert (outcome.failed, outcome.said) == (True, ["its last words", "web does not come up"])
    assert bare.at(CONFIG).read_text() == "bad\n"


def test_one_that_comes_up_on_neither_says_so(settled: Machine) -> None:
    settled.put(f"{GOOD}{CONFIG}", "bad, too\n")
    settled.put(CONFIG, "bad\n")
    assert run(settled).said[-1] == (
        "web comes up neither on the new configuration nor on the last good one"
    )


def test_a_file_that_is_new_in_what_failed_is_gone_after(settled: Machine) -> None:
    shutil.rmtree(settled.at(f"{GOOD}/etc/systemd"))
    settled.put(CONFIG, "bad\n")
    assert run(settled).failed
    assert not settled.at(UNIT).exists()


@pytest.mark.parametrize("text", ["", "Failed to connect to bus\n", "ActiveState\n"])
def test_a_systemctl_that_does_not_say_what_runs_fails_the_machine(
    settled: Machine, text: str
) -> None:
    (settled.root / "unit").write_text(text)
    settled.put(CONFIG, "two\n")
    before = settled.tree()
    outcome = run(settled)
    assert (outcome.failed, outcome.yielded) == (True, [])
    assert "unexpected answer of systemctl show" in outcome.said[0]
    assert settled.tree() == before


@pytest.mark.parametrize("text", ["a" * 64, "a" * 64 + "\n/etc\n"])
def test_a_record_that_is_cut_fails_the_machine(settled: Machine, text: str) -> None:
    settled.put(RECORD, text)
    outcome = run(settled)
    assert (outcome.failed, outcome.yielded) == (True, [])
    assert "the record of what the service started from is cut" in outcome.said[0]
