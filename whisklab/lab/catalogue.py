"""Which artifacts a lab uses: the real ones from upstream, or stand-ins built on this machine."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from whisklab.errors import BadInput
from whisklab.lab.common.run import Report

UPSTREAM = "upstream"
FILE = Path("files/catalogue.yaml")  # below the current directory, as inventories are
_SECONDS = 3.0  # also where a name server is silent
_ASK = """
import sys, httpx
print(flush=True)  # from now on it counts: a busy machine loads a library for seconds
sys.exit(httpx.head(sys.argv[1], timeout=float(sys.argv[2])).is_error)
"""

Internet = bool | Literal["auto"]


@dataclass(frozen=True)
class Choice:
    """Where a lab's artifacts come from.

    Attributes:
        upstream: from there; else they are stand-ins built here.
        internet: whether the hosts have a way out.
        why: it is that, for people.
    """

    upstream: bool
    internet: bool
    why: str

    def __str__(self) -> str:
        """Tell it in a line."""
        return f"artifacts: {'upstream' if self.upstream else 'stand-ins'} ({self.why})"


def choose(wish: str, before: str | None, internet: Internet) -> Choice:
    """Choose where the artifacts of a lab come from. A matter of seconds.

    Args:
        wish: auto, upstream or standins. `auto` takes upstream only where all of it can be had.
        before: the catalogue so far; `auto` stays with it, so that nothing is asked twice.
        internet: whether the hosts have a way out; `auto`: where artifacts come from upstream.

    Raises:
        BadInput: the catalogue of this directory is none.
    """
    if wish == "auto" and before is not None:
        upstream, why = before == UPSTREAM, "as before"
    elif wish == "auto":
        upstream, why = _look(internet)
    else:
        upstream, why = wish == UPSTREAM, "as asked for"
    return Choice(upstream, upstream if internet == "auto" else internet, why)


def made(choice: Choice, report: Report) -> str:
    """Return the catalogue of a choice, a file's path or the word upstream; builds stand-ins.

    Raises:
        WhisklabError: the stand-ins cannot be built.
    """
    return UPSTREAM if choice.upstream else _standins(report)


def _look(internet: Internet) -> tuple[bool, str]:
    """Whether upstream's artifacts can be had here, and how one knows."""
    url = first_source(FILE)
    if url is None:
        return False, f"there is no {FILE} here"
    if not internet:
        return False, "with `internet: false` the hosts cannot pull upstream's images"
    if not reachable(url):
        return False, "upstream does not answer"
    return True, "it answers, so the hosts have a way out" if internet == "auto" else "it answers"


def first_source(file: Path) -> str | None:
    """The URL of the first k3s source in a catalogue; None when there is no such file.

    Raises:
        BadInput: the file is no catalogue.
    """
    import yaml  # noqa: PLC0415 (a second `up` asks nobody)

    try:
        data: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        product = data["k3s"]
        artifacts = product["versions"][product["default"]]
        return str(next(iter(artifacts["k3s"].values()))["url"])
    except FileNotFoundError:
        return None
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise BadInput(f"{file}: no catalogue with a source of k3s ({error!r})") from None


def reachable(url: str, seconds: float = _SECONDS) -> bool:
    """Whether the server of `url` answers a HEAD request for it with success or a redirection.

    Within `seconds` in all: httpx limits each step, and none of them is the search for the name. A
    process can be ended while it searches; a thread would stay, beside which no engine is loaded.
    """
    argv = [sys.executable, "-c", _ASK, url, str(seconds)]
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as asking:
        assert asking.stdout is not None  # noqa: S101  for mypy
        asking.stdout.readline()
        try:
            return asking.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            asking.kill()
            return False


def _standins(report: Report) -> str:
    from whisklab.lab.standins import build  # noqa: PLC0415 (only for who uses them)

    return str(build(report=report))
