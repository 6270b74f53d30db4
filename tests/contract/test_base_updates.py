"""Services of the system that look for updates: kept from starting, and given back as they were."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest

from deploys.base import operations
from deploys.base.render import HEADER, UPDATERS, silencer, silencing_file
from deploys.base.settings import BaseSettings
from tests.contract.test_base_operations import NOTHING, ROOT, Machine, a_machine, written

PATHS = [silencer(each) for each in UPDATERS]
# systemd reads them: with or without the condition.
_RELOAD = 'cat /etc/systemd/system/*.service.d/whisklab.conf > "$root/read" 2>/dev/null; tell "$@"'
RELOADED = ["systemctl", "daemon-reload"]
THEIRS = "[Service]\nNice=5\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which somebody has files of his own beside ours."""
    found = a_machine(tmp_path, "/etc")
    found.put("/etc/passwd", ROOT)
    found.put("/etc/group", "root:x:0:\n")
    found.put("/etc/systemd/system/apt-daily.service.d/theirs.conf", THEIRS)
    found.put("/etc/systemd/system/other.service.d/whisklab-like.conf", THEIRS)
    found.stub("systemctl", _RELOAD)
    return found


def silenced(machine: Machine) -> object:
    return machine.run(operations.silenced, services=UPDATERS)


def unsilenced(machine: Machine) -> object:
    return machine.run(operations.unsilenced, services=UPDATERS)


def conditions(machine: Machine) -> int:
    """Return how many conditions systemd has read."""
    return (machine.root / "read").read_text().count("ConditionPathExists=!/\n")


def test_by_default_they_start_and_in_a_closed_network_not() -> None:
    assert BaseSettings().updates
    assert BaseSettings.closed == {"updates": False}


def test_they_are_silenced_once_and_given_back(machine: Machine) -> None:
    before = machine.tree()
    assert unsilenced(machine) == NOTHING
    silenced(machine)
    assert machine.ran() == [RELOADED]
    assert conditions(machine) == len(UPDATERS)
    assert {machine.at(each).read_text() for each in PATHS} == {f"{silencing_file()}\n"}
    assert {machine.at(each).stat().st_mode & 0o777 for each in PATHS} == {0o644}
    assert silenced(machine) == NOTHING
    unsilenced(machine)
    assert machine.ran() == [RELOADED]
    assert conditions(machine) == 0
    assert machine.tree() == before
    assert unsilenced(machine) == NOTHING
    assert machine.ran() == []


@pytest.mark.parametrize(("path", "how"), list(zip(PATHS, cycle(("content", "mode", "gone")))))
def test_one_file_that_differs_is_put_back_and_no_other(
    machine: Machine, path: str, how: str
) -> None:
    silenced(machine)
    wanted, machine_file = machine.tree(), machine.at(path)
    if how == "content":
        machine_file.write_text(f"{HEADER}\n[Unit]\n")
    elif how == "mode":
        machine_file.chmod(0o600)
    else:
        machine_file.unlink()
    machine.ran()
    outcome = machine.run(operations.silenced, services=UPDATERS)
    assert [words[0] for words in outcome.yielded] == ["sh", "systemctl", "chmod"]
    assert outcome.yielded[2] == ["chmod", "644", path]
    assert path in str(outcome.why)
    assert machine.tree() == wanted
    assert silenced(machine) == NOTHING


@pytest.mark.parametrize("broken", ["systemctl", "chmod"])
def test_what_was_broken_off_is_gone_on_with(machine: Machine, broken: str) -> None:
    machine.stub(broken, "exit 1")
    assert machine.run(operations.silenced, services=UPDATERS).failed
    machine.stub("systemctl", _RELOAD)
    (machine.root / "bin/chmod").unlink(missing_ok=True)
    assert len(machine.run(operations.silenced, services=UPDATERS).yielded) == len(PATHS) + 2
    assert machine.ran()[-1] == RELOADED
    assert conditions(machine) == len(UPDATERS)
    assert silenced(machine) == NOTHING


@pytest.mark.parametrize("broken", ["systemctl", "rm"])
def test_giving_back_that_was_broken_off_is_gone_on_with(machine: Machine, broken: str) -> None:
    before = machine.tree()
    silenced(machine)
    machine.stub(broken, "exit 1")
    assert machine.run(operations.unsilenced, services=UPDATERS).failed
    machine.stub("systemctl", _RELOAD)
    (machine.root / "bin/rm").unlink(missing_ok=True)
    machine.ran()
    unsilenced(machine)
    assert machine.ran() == [RELOADED]
    assert conditions(machine) == 0
    assert machine.tree() == before


def test_files_that_are_not_ours_stay(machine: Machine) -> None:
    silenced(machine)
    theirs = PATHS[1]
    machine.at(theirs).write_text(THEIRS)
    unsilenced(machine)
    assert machine.at(theirs).read_text() == THEIRS
    assert not any(machine.at(each).exists() for each in PATHS if each != theirs)
    assert unsilenced(machine) == NOTHING


def test_each_file_is_written_whole(machine: Machine) -> None:
    outcome = machine.run(operations.silenced, services=UPDATERS[:1])
    command = written(PATHS[0], silencing_file())
    assert outcome.yielded[0] == ["600" if word == "644" else word for word in command]
