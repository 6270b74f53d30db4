"""What a host was asked in the last run it is asked at once; until when an answer is good."""

from __future__ import annotations

import hashlib
import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from paramiko import SSHException
from pyinfra.api import Config, FactBase, FactProcessError
from pyinfra.api.command import StringCommand
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_state

from deploys.k3s import facts
from deploys.k3s.render import BINARY
from whisklab.engine.facts import answers, asking, batch, question
from whisklab.engine.facts.batch import Unfinished
from whisklab.engine.facts.question import Question, asked_by
from whisklab.engine.resources import paths
from whisklab.engine.scripts import script

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

    def __init__(self, name: str = "one", state: SimpleNamespace | None = None) -> None:
        self.name = name
        self.data = {"_sudo": True}
        self.current_op_global_arguments: dict[str, Any] | None = None
        self.state = state or SimpleNamespace(
            failed_hosts=set(), current_stage=StateStage.Disconnect, config=Config()
        )
        self.sent: list[str] = []
        self.ok = True

    def run_shell_command(self, command: StringCommand, **arguments: Any) -> tuple[bool, Any]:
        """Run it, as root or not."""
        assert arguments["_sudo"] == self.data["_sudo"]
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
    monkeypatch.setattr(question, "OURS", (*question.OURS, __name__))
    return tmp_path


def know(machine: Any, fact: object, **arguments: Any) -> tuple[Any] | None:
    """What is known when pyinfra is about to ask."""
    assert asked_by(machine, fact, arguments)
    return asking.known(machine, fact, arguments)


def run_before(*questions: tuple[object, dict[str, Any]], name: str = "one") -> None:
    """A run that asked these, and came to its end."""
    machine: Any = Machine(name)
    asking.look(machine, KIND)
    for fact, arguments in questions:
        know(machine, fact, **arguments)
    asking.remember(machine)


def test_the_first_run_asks_nothing_ahead() -> None:
    machine: Any = Machine()
    asking.look(machine, KIND)
    assert machine.sent == []
    assert know(machine, paths.Stat, path="/") is None


def test_the_next_run_asks_once_whoever_wants_to_know(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a line\n")
    questions = [(paths.Text, {"path": str(path)}), (paths.Stat, {"path": str(path)}),
                 (paths.Stat, {"path": str(tmp_path / "none")})]  # fmt: skip
    run_before(*questions)
    machine: Any = Machine()
    asking.look(machine, KIND)
    assert len(machine.sent) == 1
    text, stat, none = (know(machine, f, **a) for f, a in questions)
    assert text == ("a line\n",)
    assert stat
    assert stat[0].kind == "regular file"
    assert none == (None,)
    assert know(machine, paths.Text, path=str(path)) == ("a line\n",)
    assert len(machine.sent) == 1


def test_root_needs_no_sudo() -> None:
    run_before((paths.Stat, {"path": "/"}))
    machine: Any = Machine()
    machine.data["_sudo"] = False
    asking.look(machine, KIND)
    assert know(machine, paths.Stat, path="/")


def test_of_a_kind_many_are_asked_by_two_programs(tmp_path: Path) -> None:
    places = [str(tmp_path / str(number)) for number in range(20)]
    for path in places[5:]:
        Path(path).write_text(path)
    run_before(*((paths.Stat, {"path": path}) for path in places))
    machine: Any = Machine()
    asking.look(machine, KIND)
    (sent,) = machine.sent
    assert (sent.count("stat -c"), sent.count("sha256sum")) == (1, 1)
    found = [know(machine, paths.Stat, path=path) for path in places]
    assert found[:5] == [(None,)] * 5
    assert [each and each[0].sha256 for each in found[5:]] == [
        hashlib.sha256(path.encode()).hexdigest() for path in places[5:]
    ]


def test_what_cannot_be_told_of_many_is_asked_by_itself(tmp_path: Path) -> None:
    odd, plain = tmp_path / "back\\slash", tmp_path / "plain"
    for path in (odd, plain):
        path.write_text("x")
    run_before(*((paths.Stat, {"path": str(path)}) for path in (odd, plain)))
    machine: Any = Machine()
    asking.look(machine, KIND)
    for path in (odd, plain):
        assert know(machine, paths.Stat, path=str(path)) is None


@pytest.mark.parametrize("text", ["", "a", "a\n", "\n", "a\n\n", "\n\na\n", "a\n \n"])
def test_an_answer_has_the_lines_that_the_host_printed(text: str) -> None:
    run_before((Printed, {"text": text}), (Printed, {"text": "next"}))
    machine: Any = Machine()
    asking.look(machine, KIND)
    assert know(machine, Printed, text=text) == (text.splitlines(),)
    assert know(machine, Printed, text="next") == (["next"],)


def test_a_change_of_any_host_makes_the_answers_of_all_old() -> None:
    run_before((paths.Stat, {"path": "/"}))
    run_before((paths.Stat, {"path": "/"}), name="other")
    one: Any = Machine()
    other: Any = Machine("other", one.state)
    for machine in (one, other):
        asking.look(machine, KIND)
    with ctx_state.use(one.state), asking.changing():
        pass
    for machine in (one, other):
        assert know(machine, paths.Stat, path="/") is None


def test_who_waits_for_a_change_asks_anew() -> None:
    run_before((paths.Stat, {"path": "/"}))
    machine: Any = Machine()
    asking.look(machine, KIND)
    with asking.anew(machine):
        assert know(machine, paths.Stat, path="/") is None
    assert know(machine, paths.Stat, path="/")


def test_a_lock_that_was_not_held_makes_those_of_its_host_old() -> None:
    run_before((paths.Stat, {"path": "/"}))
    run_before((paths.Stat, {"path": "/"}), name="other")
    one: Any = Machine()
    other: Any = Machine("other", one.state)
    for machine in (one, other):
        asking.look(machine, KIND)
    asking.changed_before(one)
    assert (asking.of(one).fresh, asking.of(other).fresh) == (False, True)
    assert know(one, paths.Stat, path="/") is None
    assert know(other, paths.Stat, path="/")
    asking.look(one, KIND)
    assert know(one, paths.Stat, path="/")
    assert know(other, paths.Stat, path="/")


def test_an_answer_does_not_last(monkeypatch: pytest.MonkeyPatch) -> None:
    run_before((paths.Stat, {"path": "/"}))
    machine: Any = Machine()
    asking.look(machine, KIND)
    monkeypatch.setattr(answers, "LASTS", -1)
    assert know(machine, paths.Stat, path="/") is None


def test_what_fails_or_cannot_be_read_is_asked_again(tmp_path: Path) -> None:
    run_before((Printed, {"text": "unreadable"}), (Printed, {"text": "fine"}))
    machine: Any = Machine()
    asking.look(machine, KIND)
    assert know(machine, Printed, text="unreadable") is None
    assert know(machine, Printed, text="fine") == (["fine"],)
    lost: Any = Machine()
    lost.ok = False
    asking.look(lost, KIND)
    assert know(lost, Printed, text="fine") is None
    assert list(batch.parts(["m", "said", "", "m 1"], "m")) == [None]
    assert list(batch.parts(["m", "cut off"], "m")) == []


def test_only_plain_questions_are_asked_ahead() -> None:
    machine: Any = Machine()
    assert asked_by(machine, Clock, {}) is None
    assert asked_by(machine, Printed, {"text": object()}) is None
    assert asked_by(machine, "no fact", {}) is None
    assert asked_by(machine, Printed, {"text": ""})
    for elsewhere in ({"_sudo_user": "somebody"}, {"_sudo": False}, {"_chdir": "/tmp"}):
        machine.current_op_global_arguments = {"_sudo": True, **elsewhere}
        assert asked_by(machine, Printed, {"text": ""}) is None
    machine.current_op_global_arguments = {"_sudo": True, "_sudo_user": None}
    assert asked_by(machine, Printed, {"text": ""})


def test_a_run_with_a_failed_host_is_not_remembered(cache: Path) -> None:
    machine: Any = Machine()
    asking.look(machine, KIND)
    know(machine, paths.Stat, path="/")
    machine.state.failed_hosts.add(machine)
    asking.remember(machine)
    assert not list(cache.rglob("*.json"))


def test_a_run_that_was_broken_off_is_not_remembered(cache: Path) -> None:
    machine: Any = Machine()
    asking.look(machine, KIND)
    machine.state.current_stage = StateStage.Execute
    asking.remember(machine)
    assert not list(cache.rglob("*.json"))


def test_what_changes_while_a_host_is_asked_makes_its_answers_old() -> None:
    run_before((paths.Stat, {"path": "/"}))
    machine: Any = Machine()
    run = machine.run_shell_command

    def meanwhile(*args: Any, **arguments: Any) -> Any:
        with ctx_state.use(machine.state), asking.changing():
            pass
        return run(*args, **arguments)

    machine.run_shell_command = meanwhile
    asking.look(machine, KIND)
    assert machine.sent
    assert know(machine, paths.Stat, path="/") is None


def test_a_connection_that_breaks_is_left_to_the_questions() -> None:
    run_before((paths.Stat, {"path": "/"}))
    machine: Any = Machine()

    def broken(*_: Any, **__: Any) -> Any:
        raise SSHException("Channel closed.")

    machine.run_shell_command = broken
    asking.look(machine, KIND)
    assert know(machine, paths.Stat, path="/") is None


def test_what_was_said_before_a_question_that_hangs_is_known() -> None:
    given = [(Printed, {"text": text}) for text in ("a\n\nb", "hangs", "c")]
    run_before(*given)
    machine: Any = Machine()
    run = machine.run_shell_command

    def hanging(command: StringCommand, **arguments: Any) -> Any:
        lines = run(command, **arguments)[1].stdout_lines
        raise Unfinished(lines[: lines.index("hangs")])

    machine.run_shell_command = hanging
    asking.look(machine, KIND)
    assert know(machine, Printed, text="a\n\nb") == (["a", "", "b"],)
    assert know(machine, Printed, text="hangs") is None
    assert know(machine, Printed, text="c") is None


def test_a_run_that_asked_nobody_ahead_is_not_remembered(cache: Path) -> None:
    machine: Any = Machine()  # of `status`, say
    asking.remember(machine)
    assert not list(cache.rglob("*.json"))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "null", '[["os:system", "{}"]]', '[["no.such:Fact", "{}"]]',
     '[["pyinfra.facts.server:Command", "{\\"command\\": \\"id\\"}"]]',
     '[["deploys.k3s.facts:OtherVersion", "{\\"path\\": \\"/x\\", \\"sha256\\": \\"\\"}"]]',
     '[["whisklab.engine.resources.paths:Stat", "{"]]',
     '[["whisklab.engine.resources.paths:Stat", "{\\"x\\": 1}"]]'],
)  # fmt: skip
def test_a_memory_that_is_none_of_ours_is_passed_over(cache: Path, text: str) -> None:
    run_before((paths.Stat, {"path": "/"}))
    (memory,) = cache.rglob("*.json")
    memory.write_text(text)
    assert facts.__name__ in sys.modules
    machine: Any = Machine()
    asking.look(machine, KIND)
    assert machine.sent == []


def test_what_a_fact_lets_be_asked_is() -> None:
    text = json.dumps({"path": BINARY, "sha256": "0"})
    found = question.remembered("deploys.k3s.facts:OtherVersion", text)
    assert found == Question.of(facts.OtherVersion, path=BINARY, sha256="0")


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("files:File", {"path": "/bin/sh"}, True),
        ("files:FindInFile", {"path": "/etc/passwd", "pattern": "^root:"}, True),
        ("deb:DebPackages", {}, True),
        ("systemd:SystemdStatus", {}, True),
        ("server:Command", {"command": "id"}, False),
        ("mysql:MysqlUsers", {"mysql_password": "secret"}, False),
    ],
)
def test_facts_of_pyinfras_own_are_asked_ahead_where_they_hold_no_secret(
    name: str, given: dict[str, Any], said: bool
) -> None:
    module = name.partition(":")[0]
    importlib.import_module(f"pyinfra.facts.{module}")
    found = question.remembered(f"pyinfra.facts.{name}", json.dumps(given))
    assert (found is not None) == said


def test_a_fact_whose_program_is_missing_is_left_to_pyinfra() -> None:
    fact = importlib.import_module("pyinfra.facts.files").File
    machine: Any = Machine()
    run_before((Lacking, {}), (fact, {"path": "/etc/passwd"}))
    asking.look(machine, KIND)
    assert know(machine, Lacking) is None
    found = know(machine, fact, path="/etc/passwd")
    assert found
    assert found[0]["user"] == "root"


class Lacking(FactBase[list[str]]):
    """Of a program that is not there."""

    def requires_command(self) -> str:
        """Name it."""
        return "no-such-program"

    def command(self) -> str:
        """Say something all the same."""
        return "echo said"


class Asked(Machine):
    """A host that counts what is asked for operations in a row."""

    times = 0

    def get_fact(self, fact: object, **arguments: Any) -> int:
        """Answer with the number of the question."""
        assert (fact, arguments) == (paths.Stat, {"path": "/"})
        self.times += 1
        return self.times


def test_operations_in_a_row_ask_once_until_their_host_changes() -> None:
    one: Any = Asked()
    other: Any = Asked("other", one.state)
    for machine in (one, other):
        asking.of(machine).counts()

    def both() -> list[Any]:
        found: list[Any] = []
        for machine in (one, other):
            with ctx_host.use(machine):
                found.append(asking.once(paths.Stat, path="/"))
        return found

    assert [both(), both()] == [[1, 1], [1, 1]]
    asking.of(one).changed()
    assert [both(), both()] == [[2, 1], [2, 1]]
    one.state.current_stage = StateStage.Execute  # another run may have been at work
    assert [both(), both()] == [[3, 2], [3, 2]]


def test_where_nobody_counts_changes_each_operation_asks() -> None:
    machine: Any = Asked()
    with ctx_host.use(machine):
        found: list[Any] = [asking.once(paths.Stat, path="/") for _ in range(2)]
    assert found == [1, 2]


def test_what_is_remembered_are_questions_and_no_commands(cache: Path) -> None:
    run_before((paths.Stat, {"path": "/x"}))
    (memory,) = cache.rglob("*.json")
    assert json.loads(memory.read_text()) == [
        ["whisklab.engine.resources.paths:Stat", '{"path": "/x"}']
    ]
