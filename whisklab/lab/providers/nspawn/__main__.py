"""`python -m ... VERB`: a request on stdin, JSON lines of progress and a result on stdout."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.lock import locked
from whisklab.lab.common.names import is_lab_name
from whisklab.lab.providers.nspawn import images, lab, spec


def _say(event: str, value: object) -> None:
    sys.stdout.write(json.dumps({"event": event, "value": value}) + "\n")
    sys.stdout.flush()


def _report(text: str) -> None:
    _say("progress", text)


def _do(verb: str, request: dict[str, Any]) -> dict[str, Any]:
    if verb == "clean":
        return images.clean(_report)
    name = str(request["name"])
    if not is_lab_name(name):
        raise BadInput(f"{name!r} cannot name a lab")
    owner = int(request["owner"])  # the user's side says who; it could become root anyway
    with locked(f"lab-{name}", _report) as lock:
        match verb:
            case "up":
                return lab.up(spec.parse(request), owner, _report, prune=bool(request["prune"]))
            case "rebuild":
                return lab.rebuild(spec.parse(request), owner, _report, list(request["only"]))
            case "stop":
                return lab.stop(name, owner, _report)
            case "down":
                result = lab.down(name, owner, _report)
                lock.unlink()
                return result
    raise BadInput(f"{verb!r} is none of up, rebuild, stop, down, clean")


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
