"""What a host was asked in the last run is asked ahead; an answer serves one question."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paramiko import SSHException
from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand
from pyinfra.api.state import StateStage

from deploys.k3s import facts
from whisklab.engine import batch, files, foresight
from whisklab.engine.files import script

KIND = ["/somewhere/.secrets/lab"]


class Clock(FactBase[str]):
    """Its answer says when it was given."""

    momentary = True

    def command(self) -> str:
        """Print the time."""
        return "date"


class Printed(FactBase[list[str]]):
    """The lines of a text that a shell prints."""

    @staticmethod
    def default() -> list[str]:
        """No line."""
        return []

    def command(self, text: str) -> StringCommand:
        """Print it as it is."""
        return script('printf %s "$1"', text)

    def process(self, output: list[str]) -> list[str]:
        """Take them as they are, but for one."""
        if output == ["unreadable"]:
            raise FactProcessError("unreadable")
        return output


class Machine:
    """A host whose commands run in a real shell here."""

    def __init__(self, name: str = "one") -> None:
        self.name = name
        self.data = {"_sudo": True}
        self.current_op_global_arguments: dict[str, Any] | None = None
        self.state = SimpleNamespace(failed_hosts=set(), current_stage=StateStage.Disconnect)
        self.sent: list[str] = []
        self.ok = True

    def run_shell_command(self, command: StringCommand, **arguments: Any) -> tuple[bool, Any]:
        """Run it, as root or not."""
        assert arguments["_sudo"]
        self.sent.append(command.get_raw_value())
        done = subprocess.run(
            ["sh", "-c", self.sent[-1]], check=False, capture_output=True, text=True
        )
        return self.ok, SimpleNamespace(
            stdout_lines=done.stdout.splitlines(), stderr_lines=done.stderr.splitlines()
        )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(foresight, "OURS", (*foresight.OURS, __name__))
    return tmp_path


def asked(machine: Any, fact: object, **arguments: Any) -> foresight.Asked:
    """The question, which can be asked ahead."""
    found = foresight.question(machine, fact, arguments)
    assert found
    return found


def run_before(*questions: tuple[object, dict[str, Any]], name: str = "one") -> None:
    """A run that asked these, and came to its end."""
    machine: Any = Machine(name)
    foresight.ahead(machine, KIND)
    for fact, arguments in questions:
        foresight.take(machine, asked(machine, fact, **arguments))
    foresight.remember(machine)


def test_the_first_run_asks_nothing_ahead() -> None:
    machine: Any = Machine()
    foresight.ahead(machine, KIND)
    assert machine.sent == []
    assert foresight.take(machine, asked(machine, files.Stat, path="/")) is None


def test_the_next_run_asks_once_and_has_each_answer_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a line\n")
    questions = [(files.Text, {"path": str(path)}), (files.Stat, {"path": str(path)}),
                 (files.Stat, {"path": str(tmp_path / "none")})]  # fmt: skip
    run_before(*questions)
    machine: Any = Machine()
    foresight.ahead(machine, KIND)
    assert len(machine.sent) == 1
    text, stat, none = (foresight.take(machine, asked(machine, f, **a)) for f, a in questions)
    assert text == ("a line\n",)
    assert stat
    assert stat[0].kind == "regular file"
    assert none == (None,)
    assert foresight.take(machine, asked(machine, files.Text, path=str(path))) is None


def test_of_a_kind_many_are_asked_by_two_programs(tmp_path: Path) -> None:
    paths = [str(tmp_path / str(number)) for number in range(20)]
    for path in paths[5:]:
        Path(path).write_text(path)
    run_before(*((files.Stat, {"path": path}) for path in paths))
    machine: Any = Machine()
    foresight.ahead(machine, KIND)
    (sent,) = machine.sent
    assert (sent.count("stat -c"), sent.count("sha256sum")) == (1, 1)
    found = [foresight.take(machine, asked(machine, files.Stat, path=path)) for path in paths]
    assert found[:5] == [(None,)] * 5
    assert [each and each[0].sha256 for each in found[5:]] == [
        hashlib.sha256(path.encode()).hexdigest() for path in paths[5:]
    ]


def test_what_cannot_be_told_of_many_is_asked_by_itself(tmp_path: Path) -> None:
    odd, plain = tmp_path / "back\\slash", tmp_path / "plain"
    for path in (odd, plain):
        path.write_text("x")
    run_before(*((files.Stat, {"path": str(path)}) for path in (odd, plain)))
    machine: Any = Machine()
    foresight.ahead(machine, KIND)
    for path in (odd, plain):
        assert foresight.take(machine, asked(machine, files.Stat, path=str(path))) is None


@pytest.mark.parametrize("text", ["", "a", "a\n", "\n", "a\n\n", "\n\na\n", "a\n \n"])
def test_an_answer_has_the_lines_that_the_host_printed(text: str) -> None:
    run_before((Printed, {"text": text}), (Printed, {"text": "next"}))
    machine: Any = Machine()
    foresight.ahead(machine, KIND)
    assert foresight.take(machine, asked(machine, Printed, text=text)) == (text.splitlines(),)
    assert foresight.take(machine, asked(machine, Printed, text="next")) == (["next"],)


def test_a_change_of_any_host_makes_the_answers_of_all_old() -> None:
    run_before((files.Stat, {"path": "/"}))
    run_before((files.Stat, {"path": "/"}), name="other")
    one, other = Machine(), Machine("other")
    machines: list[Any] = [one, other]
    for machine in machines:
        foresight.ahead(machine, KIND)
    foresight.forget()
    for machine in machines:
        assert foresight.take(machine, asked(machine, files.Stat, path="/")) is None


def test_an_answer_does_not_last(monkeypatch: pytest.MonkeyPatch) -> None:
    run_before((files.Stat, {"path": "/"}))
    machine: Any = Machine()
    foresight.ahead(machine, KIND)
    monkeypatch.setattr(foresight, "LASTS", -1)
    assert foresight.take(machine, asked(machine, files.Stat, path="/")) is None


def test_what_fails_or_cannot_be_read_is_asked_again(tmp_path: Path) -> None:
    run_before((Printed, {"text": "unreadable"}), (Printed, {"text": "fine"}))
    machine: Any = Machine()
    foresight.ahead(machine, KIND)
    assert foresight.take(machine, asked(machine, Printed, text="unreadable")) is None
    assert foresight.take(machine, asked(machine, Printed, text="fine")) == (["fine"],)
    lost: Any = Machine()
    lost.ok = False
    foresight.ahead(lost, KIND)
    assert foresight.take(lost, asked(lost, Printed, text="fine")) is None
    assert list(batch.parts(["m", "said", "", "m 1"], "m")) == [None]
    assert list(batch.parts(["m", "cut off"], "m")) == []


def test_only_plain_questions_are_asked_ahead() -> None:
    machine: Any = Machine()
    assert foresight.question(machine, Clock, {}) is None
    assert foresight.question(machine, Printed, {"text": object()}) is None
    assert foresight.question(machine, "no fact", {}) is None
    for elsewhere in ({"_sudo_user": "somebody"}, {"_sudo": False}, {"_chdir": "/tmp"}):
        machine.current_op_global_arguments = {"_sudo": True, **elsewhere}
        assert foresight.question(machine, Printed, {"text": ""}) is None
    machine.current_op_global_arguments = {"_sudo": True, "_sudo_user": None}
    assert foresight.question(machine, Printed, {"text": ""})


def test_a_run_with_a_failed_host_is_not_remembered(cache: Path) -> None:
    machine: Any = Machine()
    foresight.ahead(machine, KIND)
    foresight.take(machine, asked(machine, files.Stat, path="/"))
    machine.state.failed_hosts.add(machine)
    foresight.remember(machine)
    assert not list(cache.rglob("*.json"))


def test_a_run_that_was_broken_off_is_not_remembered(cache: Path) -> None:
    machine: Any = Machine()
    foresight.ahead(machine, KIND)
    machine.state.current_stage = StateStage.Execute
    foresight.remember(machine)
    assert not list(cache.rglob("*.json"))


def test_what_changes_while_a_host_is_asked_makes_its_answers_old() -> None:
    run_before((files.Stat, {"path": "/"}))
    machine: Any = Machine()
    run = machine.run_shell_command

    def meanwhile(*args: Any, **arguments: Any) -> Any:
        foresight.forget()
        return run(*args, **arguments)

    machine.run_shell_command = meanwhile
    foresight.ahead(machine, KIND)
    assert machine.sent
    assert foresight.take(machine, asked(machine, files.Stat, path="/")) is None


def test_a_connection_that_breaks_is_left_to_the_questions() -> None:
    run_before((files.Stat, {"path": "/"}))
    machine: Any = Machine()

    def broken(*_: Any, **__: Any) -> Any:
        raise SSHException("Channel closed.")

    machine.run_shell_command = broken
    foresight.ahead(machine, KIND)
    assert foresight.take(machine, asked(machine, files.Stat, path="/")) is None


def test_a_run_that_asked_nobody_ahead_is_not_remembered(cache: Path) -> None:
    machine: Any = Machine()  # of `status`, say
    foresight.remember(machine)
    assert not list(cache.rglob("*.json"))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "null", '[["os:system", "{}"]]', '[["no.such:Fact", "{}"]]',
     '[["pyinfra.facts.server:Command", "{\\"command\\": \\"id\\"}"]]',
     '[["deploys.k3s.facts:OtherVersion", "{\\"path\\": \\"/x\\", \\"sha256\\": \\"\\"}"]]',
     '[["whisklab.engine.files:Stat", "{"]]', '[["whisklab.engine.files:Stat", "{\\"x\\": 1}"]]'],
)  # fmt: skip
def test_a_memory_that_is_none_of_ours_is_passed_over(cache: Path, text: str) -> None:
    run_before((files.Stat, {"path": "/"}))
    (memory,) = cache.rglob("*.json")
    memory.write_text(text)
    assert facts.__name__ in sys.modules
    machine: Any = Machine()
    foresight.ahead(machine, KIND)
    assert machine.sent == []


def test_what_is_remembered_are_questions_and_no_commands(cache: Path) -> None:
    run_before((files.Stat, {"path": "/x"}))
    (memory,) = cache.rglob("*.json")
    assert json.loads(memory.read_text()) == [["whisklab.engine.files:Stat", '{"path": "/x"}']]
