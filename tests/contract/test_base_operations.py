"""Kernel modules and settings, and the address that is remembered, on a machine of the test's.

Some directories are its own, in a mount namespace, and the programs that change a kernel are stubs.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from pydantic import ValidationError
from pyinfra.api import Config, FunctionCommand, Inventory, State, StringCommand
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_inventory, ctx_state

from deploys.base import operations
from deploys.base.settings import BaseSettings
from deploys.preflight.facts import REMEMBERED
from deploys.preflight.operations import address_remembered
from whisklab.engine.reasons import Reason, reasons_of
from whisklab.engine.resources.files import write_command

Tree: TypeAlias = dict[str, tuple[str, int, int, bytes]]
# What each command runs in. It does not run at all where a directory cannot be the test's own.
_SHELL = """#!/bin/sh
exec unshare -m /bin/sh -c '
root=$1; shift
{mounts}
PATH="$root/bin:/usr/sbin:/usr/bin:/sbin:/bin" exec /bin/sh "$@"' sh {root} "$@"
"""
_STUB = """#!/bin/sh
root={root}
tell() {{
  (printf %s "${{0##*/}}"; for each; do printf '\\037%s' "$each"; done; echo) >> "$root/ran"
}}
{does}
"""


@dataclass(frozen=True)
class Outcome:
    """What an operation did.

    Attributes:
        yielded: the words of each command that it yielded, ["fail"] for one of the laptop's.
        said: errors, without those that only count.
        failed: whether the machine is failed now.
        why: what its plan told.
    """

    yielded: list[list[str]]
    said: list[str]
    failed: bool
    why: tuple[Reason, ...] = field(default=(), compare=False)


NOTHING = Outcome([], [], failed=False)
_COUNT = re.compile(r"Error: executed \d+ commands")


class Machine:
    """This machine, with directories and programs of the test's own."""

    def __init__(self, root: Path, *own: str, readonly: Iterable[str] = ()) -> None:
        self.root = root
        self._places = {each: root / "own" / each.strip("/") for each in own}
        for each in (*self._places.values(), *map(self.at, readonly), root / "bin"):
            each.mkdir(parents=True, exist_ok=True)
        mounts = [
            *(f'mount --bind "$root/own{each}" {each} || exit 77' for each in own),
            *(f"mount --bind {each} {each} && mount -o remount,bind,ro {each} || exit 77"
              for each in readonly),
        ]  # fmt: skip
        self._shell = root / "shell"
        text = _SHELL.format(root=shlex.quote(str(root)), mounts="\n".join(mounts))
        self._shell.write_text(text)
        self._shell.chmod(0o755)

    def at(self, path: str) -> Path:
        """Return where a path of this machine lies."""
        assert any(f"{path}/".startswith(f"{each}/") for each in self._places)
        return self.root / "own" / path.strip("/")

    def put(self, path: str, text: str) -> Path:
        """Have a file."""
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_text(text)
        return self.at(path)

    def stub(self, name: str, does: str = "") -> None:
        """Have a program; `tell "$@"` in it records its words."""
        program = self.root / "bin" / name
        program.write_text(_STUB.format(root=shlex.quote(str(self.root)), does=does))
        program.chmod(0o755)

    def ran(self) -> list[list[str]]:
        """Return the words of each recorded program since the last call."""
        log = self.root / "ran"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return [line.split("\x1f") for line in lines]

    def sees(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command on it."""
        return subprocess.run(
            [self._shell, "-c", command], capture_output=True, text=True, check=False
        )

    def tree(self) -> Tree:
        """Return all that lies in its own directories."""
        found: Tree = {}
        for each in sorted((self.root / "own").rglob("*")):
            status = each.lstat()
            path = f"/{each.relative_to(self.root / 'own')}"
            found[path] = (oct(status.st_mode), status.st_uid, status.st_gid, _content(each))
        return found

    def run(self, operation: Callable[..., Any], **arguments: Any) -> Outcome:
        """Prepare an operation, which changes nothing and foretells its end, and execute it."""
        state = State(Inventory((["@local"], {})), Config(SHELL=str(self._shell)))
        connect_all(state)
        heard = _Heard()
        logging.getLogger("pyinfra").addHandler(heard)
        yielded: list[list[str]] = []
        why: tuple[Reason, ...] = ()
        try:
            with ctx_state.use(state), ctx_inventory.use(state.inventory):
                state.set_stage(StateStage.Prepare)
                before = self.tree()
                ((here, meta),) = add_op(state, operation, **arguments).items()
                foretold, why = meta.will_change, reasons_of(here, meta._hash)
                assert before == self.tree()
                state.set_stage(StateStage.Execute)
                with contextlib.suppress(PyinfraError):  # told by failed_hosts
                    run_ops(state)
                yielded = list(map(_words, meta._commands or []))
                assert foretold == bool(yielded)
        except PyinfraError:
            assert before == self.tree()
        finally:
            logging.getLogger("pyinfra").removeHandler(heard)
            disconnect_all(state)
        return Outcome(yielded, heard.said, bool(state.failed_hosts), why)


def a_machine(root: Path, *own: str, readonly: Iterable[str] = ()) -> Machine:
    """Return a machine in a mount namespace of its own, which this computer must allow."""
    found = Machine(root, *own, readonly=readonly)
    probe = found.sees("true")
    assert probe.returncode == 0, probe.stderr
    return found


def refused(machine: Machine, fact: str, operation: Callable[..., Any], **arguments: Any) -> None:
    """Expect a machine whose answer is not understood to be failed, and left as it is."""
    before = machine.tree()
    outcome = machine.run(operation, **arguments)
    assert outcome.failed
    assert outcome.yielded == []
    assert [fact in each for each in outcome.said] == [False, True]
    assert outcome.said[1].startswith("Error: could not process fact: ")
    assert (machine.tree(), machine.ran()) == (before, [])


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage().removeprefix("[@local] ")
        assert "Traceback" not in message
        if not _COUNT.fullmatch(message):
            self.said.append(message)


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return bytes(path.readlink())
    return path.read_bytes() if path.is_file() else b""


def _words(command: StringCommand | FunctionCommand) -> list[str]:
    if isinstance(command, FunctionCommand):
        return ["fail"]
    return shlex.split(command.get_raw_value())


def written(path: str, text: str) -> list[str]:
    """Return the words of the command that puts a text at a path, as root's."""
    return shlex.split(write_command(path, text, "644", "root:root").get_raw_value())


# Kernel settings.

SETTINGS = {
    **BaseSettings().sysctl, "kernel.panic": -1, "net.core.somaxconn": 2**31, "vm.overcommit": 0
}  # fmt: skip
SET = 'key=${3%%=*}; echo "${3#*=}" > "/proc/sys/$(echo "$key" | tr . /)"'


def sysctl_file(key: str) -> str:
    return f"/proc/sys/{key.replace('.', '/')}"


@pytest.fixture
def settled(tmp_path: Path) -> Machine:
    """A machine whose kernel has all modules and settings, and others' too."""
    machine = a_machine(tmp_path, "/proc/sys", "/sys/module")
    for key, value in {**SETTINGS, "net.ipv4.ip_forward_other": 7, "net.ipv4.ip": 5}.items():
        machine.put(sysctl_file(key), f"{value}\n")
    machine.put("/proc/sys/kernel/hostname", "somebody's words\n")
    machine.stub("sysctl", f'tell "$@"; {SET}')
    for name in (*MODULES, "theirs"):
        machine.at(f"/sys/module/{name}").mkdir()
    (tmp_path / "kernel").mkdir()
    machine.stub("modprobe", _MODPROBE)
    for name in MODULES:
        (tmp_path / "kernel" / name).write_text(f"insmod /lib/modules/6.1/{name}.ko.xz \n")
    return machine


def test_a_kernel_with_all_settings_is_left_alone(settled: Machine) -> None:
    for wanted in (SETTINGS, {}):
        assert settled.run(operations.sysctl, wanted=wanted) == NOTHING
    assert settled.ran() == []


@pytest.mark.parametrize("value", [-2, 3, 2**40])
@pytest.mark.parametrize("key", SETTINGS)
def test_one_setting_that_differs_is_set_and_no_other(
    settled: Machine, key: str, value: int
) -> None:
    before = settled.tree()
    settled.put(sysctl_file(key), f"{value}\n")
    command = ["sysctl", "-q", "-w", f"{key}={SETTINGS[key]}"]
    assert settled.run(operations.sysctl, wanted=SETTINGS) == Outcome([command], [], failed=False)
    assert settled.ran() == [command]
    assert settled.tree() == before
    assert settled.run(operations.sysctl, wanted=SETTINGS) == NOTHING


def test_all_settings_are_set_in_the_order_of_their_names(settled: Machine) -> None:
    for key in SETTINGS:
        settled.put(sysctl_file(key), "9\n")
    assert not settled.run(operations.sysctl, wanted=SETTINGS).failed
    assert [words[-1] for words in settled.ran()] == [
        f"{k}={SETTINGS[k]}" for k in sorted(SETTINGS)
    ]
    assert settled.run(operations.sysctl, wanted=SETTINGS) == NOTHING


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_that_this_kernel_lacks_is_left_out(settled: Machine, key: str) -> None:
    settled.at(sysctl_file(key)).unlink()
    assert settled.run(operations.sysctl, wanted=SETTINGS) == NOTHING
    other = next(each for each in SETTINGS if each != key)
    settled.put(sysctl_file(other), "9\n")
    assert len(settled.run(operations.sysctl, wanted=SETTINGS).yielded) == 1
    assert [words[-1] for words in settled.ran()] == [f"{other}={SETTINGS[other]}"]


UNREADABLE = ["1\t2", "one", "1.0", "0x1", "1:", "1\ntwo", "\n"]


@pytest.mark.parametrize("value", UNREADABLE)
@pytest.mark.parametrize("key", ["kernel.panic", "vm.overcommit"])  # the first, the last
def test_a_setting_that_is_no_number_fails_the_machine(
    settled: Machine, key: str, value: str
) -> None:
    settled.put(sysctl_file(key), f"{value}\n")
    settled.put(sysctl_file("net.core.somaxconn"), "9\n")  # would be set else
    refused(settled, "SysctlValues", operations.sysctl, wanted=SETTINGS)


def test_a_setting_that_is_no_number_is_told_in_a_sentence(settled: Machine) -> None:
    settled.put(sysctl_file("kernel.panic"), "1\t2\n")
    said = settled.run(operations.sysctl, wanted=SETTINGS).said
    assert "unexpected value in /proc/sys" in said[0]


@pytest.mark.parametrize(
    "key", ["net/ipv4/ip_forward", "net.ipv4.conf.eth0/100.rp_filter", "x", ""]
)
def test_a_key_that_is_looked_for_elsewhere_is_refused_before(key: str) -> None:
    """sysctl.d(5) has slashes, too."""
    with pytest.raises(ValidationError, match="expected a key of sysctl with dots"):
        BaseSettings(sysctl={key: 0})


def test_what_the_kernel_does_not_take_fails_the_machine(settled: Machine) -> None:
    for key in ("kernel.panic", "net.core.somaxconn", "vm.overcommit"):
        settled.put(sysctl_file(key), "9\n")
    settled.stub(
        "sysctl", f'tell "$@"; case $3 in net.core*) echo "no: $3" >&2; exit 255; esac; {SET}'
    )
    outcome = settled.run(operations.sysctl, wanted=SETTINGS)
    assert (outcome.said, outcome.failed) == (["no: net.core.somaxconn=2147483648"], True)
    assert [words[-1] for words in settled.ran()] == [
        "kernel.panic=-1", "net.core.somaxconn=2147483648"
    ]  # fmt: skip


# Kernel modules.

MODULES = ["br_netfilter", "overlay", "nf_conntrack", "it's $HOME `x`"]
_MODPROBE = """
here() { test -d "/sys/module/$(printf %s "$1" | tr - _)"; }
case $1 in
-n) here "$3" && exit; cat "$root/kernel/$3" 2>/dev/null ||
    { echo "modprobe: FATAL: Module $3 not found in directory /lib/modules/6.1" >&2; exit 1; };;
*) tell "$@"; mkdir "/sys/module/$2";;
esac"""


def test_a_kernel_with_all_modules_is_left_alone(settled: Machine) -> None:
    for names in (MODULES, [], ["nf-conntrack"]):
        assert settled.run(operations.modules_loaded, names=names) == NOTHING
    assert settled.ran() == []


@pytest.mark.parametrize("first", ["", "insmod /lib/modules/6.1/bridge.ko \n"])
@pytest.mark.parametrize("name", MODULES)
def test_one_module_that_is_not_loaded_is_loaded_and_no_other(
    settled: Machine, name: str, first: str
) -> None:
    """Whatever it needs besides is modprobe's to load."""
    before = settled.tree()
    settled.at(f"/sys/module/{name}").rmdir()
    known = settled.root / "kernel" / name
    known.write_text(first + known.read_text())
    command = ["modprobe", "--", name]
    outcome = settled.run(operations.modules_loaded, names=MODULES)
    assert outcome == Outcome([command], [], failed=False)
    assert settled.ran() == [command]
    assert settled.tree() == before
    assert settled.run(operations.modules_loaded, names=MODULES) == NOTHING


@pytest.mark.parametrize("known", [None, "", "builtin {}\n"])
@pytest.mark.parametrize("name", MODULES)
def test_a_module_that_is_built_in_or_not_there_is_left_out(
    settled: Machine, name: str, known: str | None
) -> None:
    settled.at(f"/sys/module/{name}").rmdir()
    path = settled.root / "kernel" / name
    path.unlink()
    if known is not None:
        path.write_text(known.format(name))
    assert settled.run(operations.modules_loaded, names=MODULES) == NOTHING
    assert settled.ran() == []


def test_all_modules_are_loaded_in_the_order_of_the_data(settled: Machine) -> None:
    for name in MODULES:
        settled.at(f"/sys/module/{name}").rmdir()
    assert not settled.run(operations.modules_loaded, names=MODULES).failed
    assert [words[-1] for words in settled.ran()] == MODULES
    assert settled.run(operations.modules_loaded, names=MODULES) == NOTHING


def test_a_module_that_cannot_be_loaded_fails_the_machine(settled: Machine) -> None:
    settled.at("/sys/module/overlay").rmdir()
    settled.stub(
        "modprobe", f'test "$1" = -n || {{ echo "Exec format error" >&2; exit 1; }}{_MODPROBE}'
    )
    outcome = settled.run(operations.modules_loaded, names=MODULES)
    assert (outcome.said, outcome.failed) == (["Exec format error"], True)


# The address.

ADDRESS = "10.0.0.2"
ROOT = "root:x:0:0::/root:/bin/sh\n"


@pytest.fixture
def remembering(tmp_path: Path) -> Machine:
    """A machine that remembers its address, and other things."""
    machine = a_machine(tmp_path, "/etc", "/var/lib")
    machine.put("/etc/passwd", ROOT)
    machine.put("/etc/group", "root:x:0:\n")
    machine.put("/etc/machine-id", "163c08714f7c4ef1a2de799bda143539\n")
    machine.put("/var/lib/whisklab/unpacked/helm", "theirs")
    machine.put(REMEMBERED, f"{ADDRESS}\n").chmod(0o644)
    for name in ("ip", "ss", "nft", "iptables", "ip6tables", "modprobe"):
        machine.stub(name)
    return machine


@pytest.mark.parametrize("text", ["{}\n", "{}", "{}\n\n", " {} \n"])
def test_an_address_that_is_remembered_is_left_alone(remembering: Machine, text: str) -> None:
    remembering.put(REMEMBERED, text.format(ADDRESS))
    before = remembering.tree()
    assert remembering.run(address_remembered, address=ADDRESS) == NOTHING
    assert remembering.tree() == before


@pytest.mark.parametrize("text", [None, "", "\n", "10.0.0.20", "10.0.0.9\n10.0.0.2\n", "1\n",
                                  "10.0.0.2 10.0.0.3\n", "nonsense \\ $HOME\n"])  # fmt: skip
def test_another_address_is_replaced_and_nothing_beside_it(
    remembering: Machine, text: str | None
) -> None:
    before = remembering.tree()
    if text is None:
        remembering.at(REMEMBERED).unlink()
    else:
        remembering.put(REMEMBERED, text)
    wish = Outcome([written(REMEMBERED, ADDRESS)], [], failed=False)
    assert remembering.run(address_remembered, address=ADDRESS) == wish
    assert remembering.tree() == before
    assert remembering.run(address_remembered, address=ADDRESS) == NOTHING


def test_a_machine_made_anew_remembers_for_the_first_time(remembering: Machine) -> None:
    before = remembering.tree()
    shutil.rmtree(remembering.at("/var/lib/whisklab"))
    assert len(remembering.run(address_remembered, address=ADDRESS).yielded) == 1
    after = remembering.tree()
    assert after == {path: before[path] for path in after}
    assert REMEMBERED in after


def test_a_link_is_replaced_and_not_its_target(remembering: Machine) -> None:
    before = remembering.tree()
    theirs = remembering.put("/var/lib/theirs", "10.0.0.9\n")
    remembering.at(REMEMBERED).unlink()
    remembering.at(REMEMBERED).symlink_to("/var/lib/theirs")
    remembering.run(address_remembered, address=ADDRESS)
    assert theirs.read_text() == "10.0.0.9\n"
    assert remembering.tree()[REMEMBERED] == before[REMEMBERED]


def test_a_directory_in_its_place_fails_the_machine(remembering: Machine) -> None:
    remembering.at(REMEMBERED).unlink()
    remembering.at(REMEMBERED).mkdir()
    assert remembering.run(address_remembered, address=ADDRESS).failed


BROKEN = {
    "clock": ("date", "echo soon"), "cpus": ("nproc", "echo many"), "disk": ("stat", "exit 1"),
    "socket": ("ss", 'echo "LISTEN 0"'), "address": ("ip", "echo 1: lo"),
    "end": ("tr", "head -n 3"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "does"), BROKEN.values(), ids=list(BROKEN))
@pytest.mark.parametrize("text", [ADDRESS, "10.0.0.9"])
def test_of_an_answer_that_is_not_understood_nothing_is_concluded(
    remembering: Machine, name: str, does: str, text: str
) -> None:
    """It is told; `fit`, which has the same answer, fails the machine."""
    remembering.put(REMEMBERED, text)
    remembering.stub(name, does)
    before = remembering.tree()
    outcome = remembering.run(address_remembered, address=ADDRESS)
    assert outcome.yielded == []
    assert ["MachineAnswer" in each for each in outcome.said] == [True, True]  # once a stage
    assert remembering.tree() == before
