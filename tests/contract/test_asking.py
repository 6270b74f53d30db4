"""Many facts by one command, against a real shell on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Config, FactBase, FactProcessError, Inventory, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.context import ctx_state

from tests.contract.test_file_operations import OWNER
from whisklab.engine.facts import asking
from whisklab.engine.facts.everywhere import everywhere
from whisklab.engine.facts.question import Question
from whisklab.engine.resources import files, paths
from whisklab.engine.resources.desired import Desired, unmet
from whisklab.engine.scripts import Script
from whisklab.errors import WhisklabError

MARK = "0123456789abcdef"
ODD = "it's $HOME `x` \\ ü"


def with_state(work: Any) -> Any:
    state = State(Inventory((["@local"], {})), Config())
    connect_all(state)
    try:
        with ctx_state.use(state):
            return work(state, next(iter(state.inventory)))
    finally:
        disconnect_all(state)


def test_each_fact_gets_its_own_answer(tmp_path: Path) -> None:
    there, link = tmp_path / ODD, tmp_path / "link"
    there.write_text(f"first {MARK}\nsecond\n")
    link.symlink_to("elsewhere")
    questions = [
        Question.of(paths.Text, path=str(there)),
        Question.of(paths.Stat, path=str(tmp_path / "nothing")),
        Question.of(paths.Text, path=str(tmp_path / "nothing")),
        Question.of(paths.LinkTarget, path=str(link)),
    ]
    answers = with_state(lambda _, host: asking.ask(host, questions))
    assert [answers[each] for each in questions] == [
        f"first {MARK}\nsecond\n", None, "", "elsewhere",
    ]  # fmt: skip


class Odd(FactBase[str]):
    """The answer of a command that the test gives."""

    def command(self, text: str) -> str:
        """Run it."""
        return text

    def process(self, output: list[str]) -> str:
        """Refuse one answer."""
        if output == ["garbage"]:
            raise FactProcessError("unexpected answer: garbage")
        return "\n".join(output)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("echo garbage", "cannot tell Odd of echo garbage: unexpected answer: garbage"),
        ("exit 3", "cannot tell Odd of exit 3: the command failed"),
        ("no-such-program", "the command failed"),
        ("sh -c 'echo garbage'", "unexpected answer: garbage"),
        ("if", "the command failed"),  # not even a command
    ],
)
def test_what_is_not_answered_is_said_and_spoils_nothing_else(
    caplog: pytest.LogCaptureFixture, text: str, said: str
) -> None:
    well = [
        Question.of(Odd, text=each) for each in ("echo a", "sh -c 'echo $1; exit' x b || false")
    ]
    questions = [well[0], Question.of(Odd, text=text), well[1]]
    answers = with_state(lambda _, host: asking.ask(host, questions))
    assert answers == {well[0]: "a", well[1]: "b"}
    assert [said in each for each in caplog.messages] == [True]


class OddScript(Odd):
    """The answer of a script that the test gives."""

    def command(self, text: str, given: list[str]) -> Script:  # type: ignore[override]
        """Run it."""
        return Script(text, *given)


def test_scripts_in_one_shell_leave_nothing_to_those_that_follow() -> None:
    """But variables, which they all set before they use them."""
    spoiling = [
        "cd /; echo left", "set -e; false; echo not here", "exit 3", "trap 'echo trapped' EXIT",
        "exec > /dev/null", "umask 777", "PATH=/nowhere", "IFS=x", "export LC_ALL=xx; exit 0",
        "code=9; each=z", "shift 5", "read -r line", "f() { echo of f; }; f; false",
    ]  # fmt: skip
    look = 'echo "$#:$1:$(pwd):$(umask):$(echo a b x | wc -w):${LC_ALL-}"; cat'
    looks = [
        Question.of(OddScript, text=look, given=[ODD, str(number)])
        for number in range(len(spoiling) + 1)
    ]
    questions = [looks[0]]
    for text, after in zip(spoiling, looks[1:], strict=True):
        questions += [Question.of(OddScript, text=text, given=["x", "y"]), after]
    answers = with_state(lambda _, host: asking.ask(host, questions))
    assert {answers[each] for each in looks} == {answers[looks[0]]}
    assert answers[looks[0]].startswith(f"2:{ODD}:")
    assert answers[questions[1]] == "left"


def test_what_is_desired_is_there_or_not(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("# ours\n")
    (tmp_path / "theirs").write_text("# theirs\n")
    (tmp_path / "right").write_text("text\n")
    (tmp_path / "right").chmod(0o644)
    met: list[Desired] = [
        files.File("right", str(tmp_path / "right"), "text", owner=OWNER),
        files.Absent("theirs", str(tmp_path / "theirs"), "# ours"),
        files.Absent("nothing", str(tmp_path / "nothing"), "# ours"),
        files.Link("somebody's", str(tmp_path / "right"), "/elsewhere"),
    ]
    others: list[Desired] = [
        files.File("mode", str(tmp_path / "right"), "text", "600", owner=OWNER),
        files.File("content", str(tmp_path / "right"), "other", owner=OWNER),
        files.File("missing", str(tmp_path / "nothing"), "text", owner=OWNER),
        files.Absent("ours", str(tmp_path / "ours"), "# ours"),
        files.Link("missing", str(tmp_path / "link"), "/elsewhere"),
    ]
    questions = [each.question for each in [*met, *others]]
    answers = with_state(lambda _, host: asking.ask(host, questions))
    assert unmet([*met, *others], answers) == others
    assert unmet(met, {}) == met  # who says nothing meets nothing


def test_all_are_asked_once_in_a_run() -> None:
    asked: list[str] = []

    def look(_state: State, host: Any) -> str:
        asked.append(host.name)
        return str(host.name)

    def work(_state: State, host: Any) -> None:
        for _ in range(2):
            assert everywhere("test", look) == {host.name: host.name}
        everywhere("test", look, stage="later")

    with_state(work)
    assert len(asked) == 2
    with_state(work)
    assert len(asked) == 4


def test_an_error_of_one_machine_is_everybody_s() -> None:
    def look(_state: State, _host: Any) -> str:
        raise WhisklabError("it has no catalogue")

    with pytest.raises(WhisklabError, match="it has no catalogue"):
        with_state(lambda *_: everywhere("broken", look))
