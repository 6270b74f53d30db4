"""What a run asked of its hosts: JSON lines in `.lab/logs/<environment>/`, for when it fails.

Of a command that went well what it printed is not kept, which may hold what nobody is to see; of
one that failed its last lines are. The environment's own secrets are masked in both.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any

from whisklab.engine.progress import tell

DIRECTORY = Path(".lab/logs")  # in it a directory for each environment
KEPT = 20  # runs of an environment
TAIL = 20  # lines of what a failed command said
LONGEST = 4000  # characters of a command
MASK = "***"
_SHORT, _LONG = 6, 32  # characters of a secret, and of a line of one that has several
_PEM = re.compile(r"-----BEGIN [^-]+-----.*?(?:-----END [^-]+-----|\Z)", re.DOTALL)
_PEM64 = re.compile(r"\bLS0tLS1CRUdJ[\w+/=]+")  # the same in base64, as in a kubeconfig


@dataclass(frozen=True)
class Entry:
    """A command of a run.

    Attributes:
        at: seconds since the run began.
        host: the name of the host.
        operation: for which it was sent; empty for what is asked before any.
        command: as the shell got it.
        seconds: how long it took.
        ok: whether it went well.
        lines: how many it printed.
        said: the last of them, if it failed.
    """

    at: float
    host: str
    operation: str
    command: str
    seconds: float
    ok: bool
    lines: int
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """A run that was written down.

    Attributes:
        path: its file.
        what: the verb, or the story that pyinfra was given.
        began: seconds since 1970.
        entries: its commands, in the order of their ends.
    """

    path: Path
    what: str
    began: float
    entries: tuple[Entry, ...]


class RunLog:
    """The file of one run; made with its first command, readable by its owner only (0600).

    Args:
        directory: of the environment's logs.
        what: the verb, or the story that pyinfra was given.
        secrets: returns what is to be masked.
    """

    def __init__(
        self, directory: Path, what: str, secrets: Callable[[], Iterable[str]] = tuple
    ) -> None:
        self._directory, self._what, self._secrets = directory, what, secrets
        self._began, self._clock = time.time(), time.monotonic()
        self._file: IO[str] | None = None
        self._known: list[str] | None = None
        self._given_up = False
        self.failed = 0  # commands so far
        self.path: Path | None = None

    def add(
        self, host: str, operation: str, command: str, seconds: float, *, ok: bool,
        output: Sequence[str],
    ) -> None:  # fmt: skip
        """Write a command down that has just ended, `output` being all that it printed."""
        if self._known is None or not ok:
            self._known = list(self._secrets())  # what the run has proposed meanwhile, too
        known = self._known
        entry = Entry(
            at=round(time.monotonic() - self._clock - seconds, 3),
            host=host,
            operation=operation,
            command=masked(command, known)[:LONGEST],
            seconds=round(seconds, 3),
            ok=ok,
            lines=len(output),
            said=() if ok else tuple(masked("\n".join(output), known).splitlines()[-TAIL:]),
        )
        self.failed += not ok
        self._line(asdict(entry))

    def _line(self, data: dict[str, Any]) -> None:
        """Write a line; where that cannot be, the run goes on without its log, and says so."""
        if self._given_up:
            return
        try:
            if self._file is None:
                self._file = self._begin()
            self._file.write(json.dumps(data) + "\n")
        except OSError as error:  # such as a full disk, or a directory of root's
            self._given_up = True
            tell(f"{self._directory}: the run is not written down: {error.strerror}")

    def _begin(self) -> IO[str]:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = time.strftime("%Y-%m-%d-%H%M%S", time.localtime(self._began))
        for number in count():
            path = self._directory / f"{stamp}-{os.getpid()}-{number}.jsonl"
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            break
        self.path = path
        for old in files(self._directory)[KEPT:]:
            old.unlink(missing_ok=True)  # another run may do the same now
        file = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)
        file.write(json.dumps({"what": self._what, "began": self._began}) + "\n")
        return file


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return a text without secrets, and without what stands in PEM. Pure.

    Args:
        text: of people or programs.
        secrets: contents of the files of an environment's secrets.
    """
    text = _PEM64.sub(MASK, _PEM.sub(MASK, text))
    for secret in sorted(set(_parts(secrets)), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _parts(secrets: Iterable[str]) -> Iterator[str]:
    for secret in secrets:
        lines = [line.strip() for line in secret.strip().splitlines()]
        least = _SHORT if len(lines) == 1 else _LONG
        yield from (line for line in lines if len(line) >= least)
        # Such as `client-key-data: ...` of a kubeconfig: the value alone is one, too.
        yield from (word for line in lines for word in line.split() if len(word) >= _LONG)


def story(arguments: Sequence[str]) -> str:
    """Return what a run is called: whisklab's verb, or the file that pyinfra was given. Pure.

    Args:
        arguments: of the program, itself the first.
    """
    program, *rest = arguments or [""]
    if Path(program).name == "whisklab":
        return rest[0] if rest else ""
    files = [each for each in rest if each.endswith(".py")]
    return " ".join([*files[1:2], *(each for each in rest if each == "--dry")])


def files(directory: Path) -> list[Path]:
    """Return the logs of an environment, the newest first."""
    return sorted(directory.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)


def read(path: Path) -> Run:
    """Read a log; the last line of a run that was killed may be half a one, and does not count."""
    what, began, entries = "", path.stat().st_mtime, []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            data = json.loads(line)
        except ValueError:
            continue
        if "what" in data:
            what, began = str(data["what"]), float(data["began"])
        else:
            entries.append(Entry(**{**data, "said": tuple(data["said"])}))
    return Run(path, what, began, tuple(entries))
