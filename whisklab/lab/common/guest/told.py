"""What a machine tells of itself: whose it is, and how far cloud-init is. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MARKER = "/var/lib/whisklab/machine"
# What is asked of a machine: its marker, a line, and cloud-init's own word. Versions before 22.4
# have no --format; an exit code of 2 is a warning, and its output counts.
LOOK = (
    f"cat {MARKER} 2>/dev/null; echo; echo ---; "
    'said=$(cloud-init status --format json 2>/dev/null); test -n "$said" || '
    'said=$(cloud-init status 2>/dev/null); printf "%s" "$said"; true'
)
_DONE, _ERROR, _OFF = "done", "error", "disabled"


def marker(token: str, name: str) -> str:
    """Return what a machine keeps of whose it is."""
    return json.dumps({"lab": token, "machine": name}) + "\n"


@dataclass(frozen=True)
class Told:
    """What a machine tells of itself.

    Attributes:
        token: of the lab that it is a machine of, "" where our data were not applied.
        machine: its name in that lab.
        finished: whether cloud-init has ended, or is not there.
        errors: what it has failed with.
        warnings: what it went on after.
        stage: at which it is, "" for none.
    """

    token: str
    machine: str
    finished: bool
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    stage: str = ""


def told(output: str) -> Told:
    """Read the answer to LOOK."""
    kept, _, said = output.partition("---\n")
    try:
        mark = json.loads(kept)
        token, machine = str(mark["lab"]), str(mark["machine"])
    except (ValueError, KeyError, TypeError):
        token = machine = ""
    return _status(token, machine, said.strip())


def _status(token: str, machine: str, said: str) -> Told:
    try:
        status = json.loads(said)
    except ValueError:
        return _old(token, machine, said)
    word = str(status.get("status", ""))
    # An error is reported while later stages still run.
    runs = str(status.get("extended_status", "")).endswith("running") or _open(status)
    return Told(
        token,
        machine,
        finished=word in {_DONE, _ERROR, _OFF} and not runs,
        errors=tuple(str(each) for each in status.get("errors") or ()),
        warnings=tuple(_recoverable(status.get("recoverable_errors"))),
        stage=str(status.get("stage") or ""),
    )


def _open(status: Mapping[str, Any]) -> bool:
    """Whether a stage has begun and not ended."""
    return any(
        isinstance(stage, Mapping) and stage.get("start") and not stage.get("finished")
        for stage in status.values()
    )


def _recoverable(found: Mapping[str, Any] | None) -> Iterator[str]:
    for texts in (found or {}).values():
        yield from (str(each) for each in texts)


def _old(token: str, machine: str, said: str) -> Told:
    """Read a version's words that has no JSON: "status: done". None at all is no cloud-init."""
    word = said.partition("status:")[2].split()[:1]
    finished = not said or word in ([_DONE], [_ERROR], [_OFF])
    return Told(token, machine, finished, (said,) if word == [_ERROR] else ())
