"""How a run gets its shell on a host; the host is this machine, with a sudo of ours."""

from __future__ import annotations

from pathlib import Path
from typing import IO, cast

import paramiko
import pytest
from pyinfra.api.exceptions import ConnectError

from tests.unit.engine.ssh.test_shell import Pipes
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.ssh.alive import Lost
from whisklab.engine.ssh.login import SUDO_PASSWORD, Login

RIGHT = "opensesame"
SUDO = """#!/bin/sh
echo "$@" >> "$0.log"
if test "$2" = -k; then
  read given
  test "$given" = "$(cat "$0.password")" || { echo "Sorry, try again." >&2; exit 1; }
  shift 5
else
  if test -e "$0.password"; then echo "sudo: a password is required" >&2; exit 1; fi
  shift 2
fi
exec "$@"
"""


class Machine:
    """A transport whose channels run commands here, by a login shell and a sudo of ours."""

    def __init__(self, room: Path, login_shell: str = "sh", before: str = "") -> None:
        self.login_shell, self.before, self.room = login_shell, before, room
        self.cut = False  # whether its connections die
        self.sudo = room / "sudo"
        self.sudo.write_text(SUDO)
        self.sudo.chmod(0o755)

    def open_session(self) -> Channel:
        return Channel(self)

    def asked(self) -> list[str]:
        """What sudo was asked."""
        log = self.room / "sudo.log"
        return log.read_text().splitlines() if log.exists() else []


class Channel(Pipes):
    """A channel whose command runs here."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def exec_command(self, text: str) -> None:
        path = f"export PATH={self.machine.room}:$PATH; "
        super().__init__(self.machine.login_shell, "-c", path + self.machine.before + text)
        self.cut = self.machine.cut

    def shutdown_write(self) -> None:
        cast("IO[bytes]", self.process.stdin).close()

    def recv_exit_status(self) -> int:
        return int(self.process.wait())


def login(machine: Machine, *, sudo: bool = True, password: str | None = None) -> Login:
    store = SecretStore(machine.room / "secrets")
    if password is not None:
        store.write(SUDO_PASSWORD, password)
    found = Login("worker1", "lab", sudo, store)
    shell = found.shell(cast("paramiko.Transport", machine))
    assert shell.run("sh -c 'cat; echo answer'", b"given\n")[1].output_lines == ["given", "answer"]
    shell.close()
    return found


def test_one_login_and_one_sudo(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert login(machine).mark is None
    assert machine.asked() == ["-H -n sh"]


def test_root_needs_no_sudo(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert login(machine, sudo=False).mark is None
    assert machine.asked() == []


@pytest.mark.parametrize("said", ["echo hello; ", "printf hello; ", "echo hello >&2; "])
def test_a_login_that_prints_gets_marks(tmp_path: Path, said: str) -> None:
    assert login(Machine(tmp_path, before=said)).mark


def test_a_password_is_used_when_sudo_asks_for_one(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    (tmp_path / "sudo.password").write_text(RIGHT)
    assert login(machine, password=RIGHT).password == RIGHT
    assert machine.asked() == ["-H -n sh", "-H -k -S -p  true", "-H -k -S -p  sh"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [(None, "sudo on worker1 refuses lab .*a password is required"),
     ("another", "sudo on worker1 refuses the password of lab in ")],
)  # fmt: skip
def test_no_password_or_a_wrong_one(tmp_path: Path, given: str | None, sentence: str) -> None:
    (tmp_path / "sudo.password").write_text(RIGHT)
    with pytest.raises(ConnectError, match=sentence):
        login(Machine(tmp_path), password=given)


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [(RIGHT, 0o644, "others can read"), ("", 0o600, "empty"), ("\n", 0o600, "empty")],
)
def test_a_password_file_that_is_none(tmp_path: Path, text: str, mode: int, sentence: str) -> None:
    (tmp_path / "sudo.password").write_text(RIGHT)
    file = tmp_path / "secrets" / SUDO_PASSWORD
    file.parent.mkdir(mode=0o700)
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(ConnectError, match=f"sudo on worker1 asks for a password: .*{sentence}"):
        login(Machine(tmp_path))


def test_a_login_shell_that_runs_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConnectError, match="worker1 lets lab in, but the login shell runs no"):
        login(Machine(tmp_path, login_shell="false"))


def test_a_right_password_and_no_shell_for_it(tmp_path: Path) -> None:
    """As where sudo allows some programs only."""
    machine = Machine(tmp_path)
    machine.sudo.write_text(SUDO.replace('exec "$@"', 'test "$1" = true || exit 1'))
    (tmp_path / "sudo.password").write_text(RIGHT)
    with pytest.raises(ConnectError, match="worker1 starts no `sh` for its commands"):
        login(machine, password=RIGHT)


def test_a_connection_that_dies_in_the_login_is_said_to_be_lost(tmp_path: Path) -> None:
    machine = Machine(tmp_path, login_shell="false")
    machine.cut = True
    with pytest.raises(Lost, match="the SSH connection to worker1 is lost"):
        login(machine)


def test_no_sudo_there(tmp_path: Path) -> None:
    machine = Machine(tmp_path, before="PATH=/nonexistent; ")
    with pytest.raises(ConnectError, match="worker1 has no sudo that lab can run"):
        login(machine)
