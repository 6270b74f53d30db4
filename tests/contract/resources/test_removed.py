"""A service of ours goes with its files, another one stays; a change that cannot be is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import OperationError

from tests.contract import fake_kubernetes as fake
from tests.contract.resources.service import CONFIG, HEADER, NAME, RECORD, UNIT, a_service
from tests.contract.test_base_operations import NOTHING, Machine, Outcome
from tests.contract.test_file_operations import OWNER, run
from whisklab.engine.resources import files, possible, services
from whisklab.engine.resources.paths import UNFINISHED


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One that has the service."""
    made = a_service(tmp_path)
    made.put(RECORD, "")
    return made


def remove(machine: Machine, **more: Any) -> Outcome:
    given = {"service": NAME, "path": UNIT, "header": HEADER, "directory": "/etc/web",
             "files": [CONFIG, "/etc/web/gone"]}  # fmt: skip
    return machine.run(services.removed, **{**given, **more})


@pytest.mark.parametrize("theirs", [None, "/etc/web/theirs"])
def test_a_service_of_ours_goes_with_what_only_it_has(machine: Machine, theirs: str | None) -> None:
    if theirs:
        machine.put(theirs, "")
    assert not remove(machine).failed
    disable = ["systemctl", "disable", "--quiet", "--now", "--", NAME]
    assert machine.ran() == [disable, ["systemctl", "daemon-reload"]]
    assert not any(machine.at(each).exists() for each in (CONFIG, UNIT, RECORD))
    assert machine.at("/etc/web").exists() is bool(theirs)
    assert remove(machine) == NOTHING


def test_what_a_power_cut_left_half_written_goes_too(machine: Machine) -> None:
    halves = [f"{each}{UNFINISHED}" for each in (CONFIG, UNIT, RECORD)]
    for each in halves:
        machine.put(each, "half of")
    assert not remove(machine).failed
    assert not any(machine.at(each).exists() for each in halves)
    assert not machine.at("/etc/web").exists()


@pytest.mark.parametrize("text", [None, "", "# theirs\n", f"\n{HEADER}\n", f"{HEADER} not\n"])
def test_another_service_of_its_name_stays(machine: Machine, text: str | None) -> None:
    if text is None:
        machine.at(UNIT).unlink()
    else:
        machine.put(UNIT, text)
    before = machine.tree()
    assert remove(machine) == NOTHING
    assert (machine.tree(), machine.ran()) == (before, [])


def test_one_that_does_not_end_keeps_its_files(machine: Machine) -> None:
    before = machine.tree()
    machine.stub("systemctl", "echo 'it does not end' >&2; exit 1")
    outcome = remove(machine)
    assert (outcome.said, outcome.failed) == (["it does not end"], True)
    assert machine.tree() == before


def test_what_cannot_be_changed_is_said_in_the_plan_and_fails_the_run() -> None:
    said = ["a: it cannot: leave it", "b: nor that"]
    planned = fake.plan(possible.possible, refusals=said)
    assert (planned.why, planned.errors, planned.failed) == (said, said, False)
    done = fake.carry_out(possible.possible, refusals=said)
    assert (done.failed, done.errors[:4]) == (True, [*said, *said])
    assert fake.carry_out(possible.possible, refusals=[]).idle


# Directories.


@pytest.mark.parametrize("mode", ["750", "700", "1777"])
def test_a_directory_is_made_with_mode_and_owner_and_then_left_alone(
    tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "new/it's one"
    wish: Any = {"path": str(path), "mode": mode, "owner": OWNER}
    assert fake.plan(files.directory, **wish).why == ["there is none"]
    assert not path.exists()
    assert not fake.carry_out(files.directory, **wish).failed
    assert path.stat().st_mode & 0o7777 == int(mode, 8)
    assert path.parent.stat().st_mode & 0o777 == 0o755
    (path / "theirs").write_text("x")
    assert fake.carry_out(files.directory, **wish).idle
    path.chmod(0o711)
    done = fake.carry_out(files.directory, **wish)
    assert done.why == [f"it is 711 {OWNER}, not {mode} {OWNER}"]
    assert (path / "theirs").read_text() == "x"
    assert fake.carry_out(files.directory, **wish).idle


@pytest.mark.parametrize("kind", ["regular file", "symbolic link"])
def test_something_else_in_its_place_is_told_and_stays(tmp_path: Path, kind: str) -> None:
    path, target = tmp_path / "images", tmp_path / "target"
    target.write_text("theirs")
    if kind == "regular file":
        path.hardlink_to(target)
    else:
        path.symlink_to(target)
    with pytest.raises(OperationError, match=f"is a {kind}, no directory: move it elsewhere"):
        run(files.directory, path=str(path), mode="750", owner=OWNER)
    assert path.read_text() == "theirs"
