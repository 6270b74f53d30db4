"""Programs that watch a machine during a run: every process, every file that others can read."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until

_PROGRAMS = Path(__file__).with_name("watch")
_PROCESSES = _PROGRAMS / "processes.pl"
_READABLE = _PROGRAMS / "readable.pl"
# Where a run writes, or might; small enough to be looked through a hundred times a second.
WRITTEN = ("/etc", "/tmp", "/var/tmp", "/dev/shm", "/run", "/home", "/root", "/usr/local",
           "/var/log", "/var/lib/whisklab", "/var/lib/rancher", "/opt/whisklab")  # fmt: skip


@contextmanager
def processes(site: Site, host: str | None, seen: Path) -> Iterator[None]:
    """Note every argv and environment that a process of a host (None: this machine) has.

    Args:
        site: with the host.
        host: its name.
        seen: gets lines: `cmdline` or `environ`, user id, text.
    """
    if host is None:
        argv = ["perl", str(_PROCESSES)]
    else:
        argv = _on(site, host, "sudo", "perl", "-e", _PROCESSES.read_text())
    with _watching(argv, "", seen):
        yield


@contextmanager
def readable(site: Site, host: str, needles: Iterable[str], seen: Path) -> Iterator[None]:
    """Note every file that the user `nobody` can read, if only for a moment, and holds a needle.

    Args:
        site: with the host.
        host: its name.
        needles: what to look for.
        seen: gets the paths, one a line.
    """
    argv = _on(site, host, "sudo", "-u", "nobody", "perl", "-e", _READABLE.read_text(),
               "always", "0", *WRITTEN)  # fmt: skip
    with _watching(argv, _lines(needles), seen):
        yield


def readable_now(site: Site, host: str, needles: Iterable[str], since: int) -> list[str]:
    """Return all files of the host that `nobody` can read, changed since then, with a needle."""
    program = _READABLE.read_text()
    done = subprocess.run(
        _on(site, host, "sudo", "-u", "nobody", "perl", "-e", program, "once", str(since), "/"),
        input=_lines(needles), capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    first, *found, last = done.stdout.splitlines()
    assert (first, last) == ("watching as nobody", "done"), done
    return found


def _lines(needles: Iterable[str]) -> str:
    return "".join(f"{each}\n" for each in needles) + "\n"


def _on(site: Site, host: str, *argv: str) -> list[str]:
    return [*site.ssh_command(host), shlex.join(argv)]


@contextmanager
def _watching(argv: list[str], given: str, seen: Path) -> Iterator[None]:
    with (
        seen.open("w") as output,
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=output, text=True) as watcher,
    ):
        assert watcher.stdin
        watcher.stdin.write(given)
        watcher.stdin.flush()
        try:
            until("it watches", lambda: "watching" in seen.read_text(errors="replace"))
            yield
        finally:
            watcher.stdin.close()
    assert watcher.returncode == 0, argv
