"""A question to a host: a fact and its arguments, as something that can be compared and kept."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

# Whose facts a file may name: ours, and those of pyinfra that only look and are told no secret, as
# those of databases are. `server.Command` runs anything.
OURS = ("whisklab.", "deploys.")
THEIRS = tuple(
    f"pyinfra.facts.{module}:"
    for module in ("apt", "deb", "dnf", "files", "gem", "git", "hardware", "iptables", "npm", "pip",
                   "rpm", "selinux", "server", "snap", "systemd", "yum")
)  # fmt: skip
_ANYTHING = "pyinfra.facts.server:Command"
# These arguments of an operation make its facts those of another user or place.
_ELSEWHERE = ("_sudo_user", "_su_user", "_doas", "_dzdo", "_chdir", "_env", "_stdin")


@dataclass(frozen=True)
class Question:
    """A fact and its arguments.

    Attributes:
        fact: its class.
        text: its arguments by name, as JSON.
    """

    fact: type[FactBase[Any]]
    text: str

    @classmethod
    def of(cls, fact: type[FactBase[Any]], **arguments: object) -> Question:
        """Return the question for a fact.

        Raises:
            TypeError: an argument is no plain value.
        """
        return cls(fact, json.dumps(arguments, sort_keys=True))

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments by name."""
        found: dict[str, Any] = json.loads(self.text)
        return found

    @property
    def name(self) -> str:
        """The fact as `module:class`."""
        return f"{self.fact.__module__}:{self.fact.__qualname__}"

    def __str__(self) -> str:
        """Name it as people do."""
        given = (each if isinstance(each, list) else [each] for each in self.arguments.values())
        words = " ".join(str(word) for each in given for word in each)
        return f"{self.fact.__name__} of {words}" if words else self.fact.__name__

    def command(self) -> StringCommand:
        """Return what to run."""
        fact, arguments = self.fact(), self.arguments
        needed = _made(fact.requires_command, arguments)
        given = _made(fact.command, arguments)
        command = given if isinstance(given, StringCommand) else StringCommand(given)
        if not needed:
            return command
        # Without it there is no answer here, and pyinfra, which then asks, has a word for that.
        return StringCommand("command", "-v", needed, ">/dev/null", "2>&1", "&&", "(", command, ")")

    def answer(self, lines: list[str] | None) -> Any:  # noqa: ANN401  each fact has its own type
        """Parse the answer; an empty one is the fact's default, None that of a failed command.

        Raises:
            FactProcessError: it failed, or the answer cannot be read.
        """
        if lines is None:
            raise FactProcessError("the command failed")
        return self.fact().process(lines) if lines else self.fact.default()


def _made(function: Any, arguments: Mapping[str, Any]) -> Any:  # noqa: ANN401  as pyinfra calls it
    return function(**arguments) if callable(function) else function


def asked_by(host: Host, fact: object, arguments: Mapping[str, Any]) -> Question | None:
    """Return what pyinfra asks a host; None unless as the run's user, and by one command."""
    given: Mapping[str, Any] = host.current_op_global_arguments or {}
    sudo = bool(host.data.get("_sudo"))
    if any(given.get(key) for key in _ELSEWHERE) or bool(given.get("_sudo", sudo)) != sudo:
        return None
    if not (isinstance(fact, type) and issubclass(fact, FactBase)) or not _is_plain(fact):
        return None
    try:
        return Question.of(fact, **arguments)
    except TypeError:  # an argument that is no plain value
        return None


def remembered(name: str, text: str) -> Question | None:
    """Return a question that a file has; None for what this program does not ask (any more).

    Nothing is imported because a file says so, and nothing run that a fact does not let.
    """
    if name == _ANYTHING or not name.startswith((*OURS, *THEIRS)):
        return None
    module, _, qualname = name.partition(":")
    fact = getattr(sys.modules.get(module), qualname, None)
    if not (isinstance(fact, type) and issubclass(fact, FactBase) and _is_plain(fact)):
        return None
    found = Question(fact, text)
    try:
        found.command()
    except Exception:  # noqa: BLE001  it takes other arguments now
        return None
    return found if _may_be_asked(found) else None


def _may_be_asked(question: Question) -> bool:
    may = getattr(question.fact, "may_be_asked_ahead", None)
    return may is None or bool(may(**question.arguments))


def _is_plain(fact: type[FactBase[Any]]) -> bool:
    # A `momentary` fact is asked when its answer is needed and not before.
    return not getattr(fact, "momentary", False) and (
        fact.check_preconditions is FactBase.check_preconditions and fact.shell_executable is None
    )
