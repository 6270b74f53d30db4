"""Why an operation would change something: what a plan tells beside the operation's name.

Operations say it just before they yield; nothing is sent to a host. The third state, "unknown
until ...", is for what cannot be read yet, such as labels while the API is down.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from pyinfra import host, logger
from pyinfra.api.host import Host
from pyinfra.context import ctx_state

from whisklab.engine import runs


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes:
        text: what differs, as half a sentence.
        restarts: the service that would be restarted because of it.
        unknown: whether it could not be read; then `text` says until when.
        diff: a unified diff, empty when none was asked for or the content is secret.
    """

    text: str
    restarts: str | None = None
    unknown: bool = False
    diff: tuple[str, ...] = ()


class _Reasons(dict[tuple[str, str], list[Reason]]):
    """Of a run's operations, by host and hash."""


def because(text: str, *, restarts: str | None = None) -> None:
    """Tell what differs; call it inside an operation, before the yield."""
    _tell(Reason(text, restarts=restarts))


def unknown_until(text: str) -> None:
    """Tell that the state cannot be read until `text`."""
    _tell(Reason(f"unknown until {text}", unknown=True))


def differs(text: str, before: str, after: str) -> None:
    """Tell what differs in a text that is no secret; with --diff, how."""
    diff = tuple(
        line.rstrip("\n")
        for line in difflib.unified_diff(
            before.splitlines(), after.splitlines(), "on the host", "wanted", lineterm="", n=1
        )
    )
    _tell(Reason(text, diff=diff))
    for line in diff:
        logger.info("%s%s", host.print_prefix, line)


def diff_wanted() -> bool:
    """Tell whether --diff was given."""
    return bool(ctx_state.get().config.DIFF)


def reasons_of(on: Host, op_hash: str) -> tuple[Reason, ...]:
    """Return what the operation said on the host, in order, each once."""
    return tuple(dict.fromkeys(runs.on(on).part(_Reasons).get((on.name, op_hash), ())))


def _tell(reason: Reason) -> None:
    told = runs.current().part(_Reasons)
    told.setdefault((host.name, str(host.current_op_hash)), []).append(reason)
