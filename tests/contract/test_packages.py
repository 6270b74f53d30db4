"""How Debian packages are installed beside other programs that do so."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.contract.test_file_operations import run
from whisklab.engine.data.machine import Machine
from whisklab.engine.resources import packages

HOLD = """
import fcntl, sys
with open(sys.argv[1], "w") as lock:
    fcntl.lockf(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.readline()
"""
BUSY = """#!/bin/sh
echo x >> "$0.tries"
test "$(wc -l < "$0.tries")" -gt 2 || { echo "locked by another process"; exit 2; }
"""


def waiting(within: int, *command: object) -> subprocess.CompletedProcess[str]:
    """Run a command as the operation does, with this limit."""
    arguments = ["sh", "-c", packages._WAITING, "-", str(within), *map(str, command)]
    return subprocess.run(
        arguments, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


@contextmanager
def held(lock: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Have a process hold a lock, as apt and dpkg hold theirs."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True, env={**os.environ, **environment},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.communicate("\n")


@pytest.mark.parametrize(("within", "code"), [(3600, 0), (0, 2)])
def test_dpkg_is_waited_for(tmp_path: Path, within: int, code: int) -> None:
    """Somebody has its lock for two looks, a second apart."""
    program = tmp_path / "dpkg"
    program.write_text(BUSY)
    program.chmod(0o755)
    done = waiting(within, program)
    assert (done.returncode, done.stderr) == (code, "locked by another process\n" if code else "")


@pytest.mark.parametrize(("does", "lock"), [("update", "lists/lock"), ("clean", "archives/lock")])
def test_apt_is_waited_for(tmp_path: Path, does: str, lock: str) -> None:
    """The real one, which by itself does not wait for these."""
    apt = ["apt-get", "-o", f"Dir::State::lists={tmp_path}/lists", "-o", f"Dir::Cache={tmp_path}",
           "-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts=/dev/null",
           "-o", "DPkg::Lock::Timeout=600", does]  # fmt: skip
    (tmp_path / "lists/partial").mkdir(parents=True)
    (tmp_path / "archives/partial").mkdir(parents=True)
    with held(tmp_path / lock) as holder:
        done = waiting(0, *apt)
        assert done.returncode != 0
        assert f"held by process {holder.pid}" in done.stderr
        # It lets go while the operation waits.
        subprocess.Popen(["sh", "-c", f"sleep 1; kill {holder.pid}"])
        done = waiting(3600, *apt)
    assert done.returncode == 0, done.stderr


def test_any_other_failure_is_told_at_once() -> None:
    done = waiting(3600, "sh", "-c", "echo no space left >&2; exit 100")
    assert (done.returncode, done.stderr) == (100, "no space left\n")


def test_who_has_a_lock_is_named(tmp_path: Path) -> None:
    one, other, free = (tmp_path / name for name in ("one", "other", "free"))
    free.touch()

    def told() -> str:
        locks = (free, one, tmp_path / "none", other)
        arguments = ["sh", "-c", packages._HELD, "-", *map(str, locks)]
        return subprocess.run(arguments, capture_output=True, text=True, check=False).stdout

    assert told() == ""
    with held(one) as holder, held(other, NEEDRESTART_SUSPEND="1"):  # one of ours
        name = Path(f"/proc/{holder.pid}/comm").read_text().strip()
        assert told() == f"process {holder.pid} ({name}) has {one}\n"


def test_packages_are_installed_without_a_question_and_without_restarts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ubuntu's needrestart would restart services in the middle of whose turn it ever is."""
    log = tmp_path / "log"
    tell = f'echo "$(basename "$0") $DEBIAN_FRONTEND $NEEDRESTART_SUSPEND $*" >> {log}'
    for name, does in (("dpkg-query", "exit 1"), ("dpkg", tell), ("apt-get", tell)):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(Machine, "of", lambda _: Machine(node_address="192.0.2.1"))
    assert run(packages.installed, names=["jq"])
    asked = log.read_text().splitlines()
    assert [line.split()[:3] for line in asked] == [
        ["dpkg", "noninteractive", "1"],
        ["apt-get", "noninteractive", "1"],
        ["apt-get", "noninteractive", "1"],
    ]
    assert asked[-1].endswith(" install --no-install-recommends -- jq")
