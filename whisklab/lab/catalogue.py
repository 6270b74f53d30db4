"""Which artifacts a lab uses: the real ones from upstream, or stand-ins built on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput
from whisklab.lab.common.run import Report

UPSTREAM = "upstream"
FILE = Path("files/catalogue.yaml")  # below the current directory, as inventories are
_SECONDS = 3.0


@dataclass(frozen=True)
class Choice:
    """The catalogue of a lab: a file's path or the word upstream, and why it is that."""

    catalogue: str
    why: str


def choose(wish: str, before: str | None, report: Report, *, internet: bool) -> Choice:
    """Choose the catalogue of a lab.

    Args:
        wish: auto, upstream or standins. `auto` takes upstream only where all of it can be had.
        before: what the lab has used so far; `auto` stays with it, so that nothing is asked twice.
        report: hears of a long build.
        internet: whether the hosts have a way out.

    Raises:
        WhisklabError: the stand-ins cannot be built.
    """
    if wish == "auto" and before is not None:
        wish, why = (UPSTREAM if before == UPSTREAM else "standins"), "as before"
    elif wish == "auto":
        wish, why = _look(internet=internet)
    else:
        why = "as asked for"
    return Choice(UPSTREAM if wish == UPSTREAM else _standins(report), why)


def _look(*, internet: bool) -> tuple[str, str]:
    """Which artifacts can be had here, and how one knows."""
    url = first_source(FILE)
    if url is None:
        return "standins", f"there is no {FILE} here"
    if not internet:
        return "standins", "without `internet: true` the hosts cannot pull upstream's images"
    if reachable(url):
        return UPSTREAM, "it answers"
    return "standins", "upstream does not answer"


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
    """Whether the server of `url` answers a HEAD request for it with success or a redirection."""
    import httpx  # noqa: PLC0415

    try:
        return not httpx.head(url, timeout=seconds).is_error
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


def _standins(report: Report) -> str:
    from whisklab.lab.standins import build  # noqa: PLC0415 (only for who uses them)

    return str(build(report=report))
