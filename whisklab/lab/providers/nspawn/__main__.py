"""`python -m ... VERB`: a request on stdin, JSON lines of progress and a result on stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.lock import locked
from whisklab.lab.common.names import is_lab_name
from whisklab.lab.providers.nspawn import copies, images, lab, snapshots, spec
from whisklab.lab.providers.nspawn.layout import record_of


def _say(event: str, value: object) -> None:
    sys.stdout.write(json.dumps({"event": event, "value": value}) + "\n")
    sys.stdout.flush()


def _report(text: str) -> None:
    _say("progress", text)


Verb = Callable[[dict[str, Any], str, int], dict[str, Any]]  # request, lab, owner
_VERBS: dict[str, Verb] = {
    "up": lambda request, _lab, owner: lab.up(
        spec.parse(request), owner, _report, prune=bool(request["prune"])
    ),
    "prepare": lambda request, _lab, _owner: lab.prepare(spec.parse(request), _report),
    "rebuild": lambda request, _lab, owner: lab.rebuild(
        spec.parse(request), owner, _report, list(request["only"])
    ),
    "stop": lambda _request, name, owner: lab.stop(name, owner, _report),
    "down": lambda _request, name, owner: lab.down(name, owner, _report),
    "snapshot": lambda request, _lab, owner: copies.snapshot(
        spec.parse(request), owner, _report, request
    ),
    "snapshots": lambda _request, name, _owner: {
        "snapshots": [each.listed() for each in snapshots.everything(name)]
    },
    "recall": lambda request, name, owner: copies.recall(
        name, str(request["snapshot"]), owner, _report
    ),
    "restore": lambda request, _lab, owner: copies.restore(
        spec.parse(request), owner, _report, str(request["snapshot"])
    ),
    "delete": lambda request, name, owner: copies.delete(
        name, str(request["snapshot"]), owner, _report
    ),
}


def _do(verb: str, request: dict[str, Any]) -> dict[str, Any]:
    if verb == "clean":
        return images.clean(_report, dry=bool(request["dry"]))
    name = str(request["name"])
    if not is_lab_name(name):
        raise BadInput(f"{name!r} cannot name a lab")
    owner = int(request["owner"])  # the user's side says who; it could become root anyway
    if verb == "clone":
        return _clone(request, owner)
    if verb not in _VERBS:
        raise BadInput(f"{verb!r} is no verb of this provider")
    with locked(f"lab-{name}", _report) as lock:
        try:
            return _VERBS[verb](request, name, owner)
        finally:
            if not record_of(name).exists():
                lock.unlink()  # there is nothing (any more) that it would lock


def _clone(request: dict[str, Any], owner: int) -> dict[str, Any]:
    source = str(request["source"])
    if not is_lab_name(source):
        raise BadInput(f"{source!r} cannot name a lab")
    wish = spec.parse(request)
    original = spec.parse({**request, "name": source})
    with ExitStack() as stack:
        # The locks of two labs, in the order in which everybody takes them.
        for name in sorted({source, wish.name}):
            stack.enter_context(locked(f"lab-{name}", _report))
        return copies.clone(wish, owner, _report, request, original)


def main() -> int:
    """Do one verb; the exit code is the error's."""
    os.umask(0o022)
    if os.geteuid():
        sys.stderr.write("this part of the lab runs as root\n")
        return 1
    try:
        _say("result", _do(sys.argv[1], json.load(sys.stdin)))
    except OSError as error:  # no space left, say
        _say("error", {"message": str(error), "exit_code": 1})
        return 1
    except WhisklabError as error:
        _say("error", {"message": str(error), "exit_code": error.exit_code})
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
