"""Compile the stand-ins' Go programs with the user's own Go, and tell how far it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.lab.common.run import DETAIL, Report

_EVERY = 5.0  # seconds between two reports
_PACKAGE = "golang-go"  # of Debian and Ubuntu
_FETCHES_NEWER = (1, 21)  # the first Go with toolchains in go.mod (go.dev/doc/toolchain)
_PATIENCE = 300  # seconds for another apt
_ENOUGH = 10 << 30  # bytes of memory with which compilers need not collect garbage
_KEPT = 5  # last lines of a failed build that are worth telling


def go_version(listing: Path, report: Report) -> str:
    """The version of Go that compiles a go.mod or go.work, such as ``go1.26.8``.

    Without a ``go`` on PATH the distribution's is installed, when we are root and it is new enough.
    A Go from 1.21 on fetches the newer one that go.mod asks for, unless it is told not to.

    Raises:
        WhisklabError: there is no Go that could be used.
    """
    least = _least(listing)
    wish = f"Go {least[0]}.{least[1]} or newer is needed to build the lab's stand-ins"
    if shutil.which("go") is None:
        _install_go(wish, report)
    answer = subprocess.run(
        ["go", "env", "GOVERSION"], cwd=listing.parent, capture_output=True, text=True, check=False
    )
    found = answer.stdout.strip()
    parts = re.match(r"go(\d+)\.(\d+)", found)
    if parts is None:
        raise WhisklabError(f"{wish}, but `go env GOVERSION` says {found or answer.stderr!r}")
    if (int(parts[1]), int(parts[2])) < least:
        raise WhisklabError(f"{wish}, but the one on PATH is {found}: install a newer one")
    return found


def _least(listing: Path) -> tuple[int, int]:
    said = re.search(r"^go (\d+)\.(\d+)", listing.read_text(encoding="utf-8"), re.MULTILINE)
    if said is None:
        raise WhisklabError(f"{listing} does not say which Go it needs")
    return int(said[1]), int(said[2])


def _install_go(wish: str, report: Report) -> None:
    offered = _offered_go()
    if offered is None or offered < _FETCHES_NEWER:
        known = f", and this distribution offers {offered[0]}.{offered[1]}" if offered else ""
        raise WhisklabError(
            f"{wish}, but there is no `go` on PATH{known}: install it (https://go.dev/dl)"
        )
    if os.geteuid() != 0:
        raise WhisklabError(f"{wish}: run `sudo apt-get install {_PACKAGE}`")
    report(f"installing {_PACKAGE}")
    # Beside us the lab may be installing what it needs.
    argv = ["apt-get", "-o", f"DPkg::Lock::Timeout={_PATIENCE}", "install", "--yes",
            "--no-install-recommends", _PACKAGE]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WhisklabError(f"{wish}: apt-get install {_PACKAGE} failed: {last}")


def _offered_go() -> tuple[int, int] | None:
    """The version of Go that the machine's package manager has; None when it has none."""
    if shutil.which("apt-cache") is None:
        return None
    argv = ["apt-cache", "policy", _PACKAGE]
    shown = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    found = re.search(r"Candidate: (?:\d+:)?(\d+)\.(\d+)", shown)
    return (int(found[1]), int(found[2])) if found else None


def build_flags(variables: Mapping[str, str]) -> list[str]:
    """Flags for a small static program that is the same wherever it is built."""
    values = " ".join(f"-X {name}={value}" for name, value in sorted(variables.items()))
    # The linker leaves debugging information out (-s -w), so the compiler need not make it.
    dwarf = "-gcflags=all=-dwarf=false"
    return ["-trimpath", "-buildvcs=false", dwarf, "-ldflags", f"-s -w {values}".rstrip()]


def environment(flags: Iterable[str], available: int) -> dict[str, str]:
    """What the compiler is told besides its flags. Pure.

    Args:
        flags: those of the build; one with a go.mod of its own cannot be in the workspace.
        available: bytes of memory that nobody uses.
    """
    found = {"CGO_ENABLED": "0"}
    if available >= _ENOUGH:
        # A compiler lives for seconds: it takes a fifth less without collecting garbage, and 0.6 GB
        # instead of 0.3 at once (measured with Go 1.26 on Kubernetes; the linker takes 3 GB).
        found["GOGC"] = "off"
    if any(flag.startswith("-modfile=") for flag in flags):
        found["GOWORK"] = "off"
    return found


def _available() -> int:
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    found = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def go_build(
    module: Path, package: str, out: Path, *, flags: list[str], label: str, report: Report
) -> None:
    """Compile ``package`` of the Go module in directory ``module`` to the file ``out``.

    Args:
        module: the directory of go.mod; nothing is written there.
        package: what to compile, such as ``.``.
        out: the program's path.
        flags: further flags of ``go build``.
        label: what the user is told is being compiled.
        report: hears every few seconds how far it is, and all that the compiler prints.

    Raises:
        WhisklabError: the compiler failed; the sentence holds its last lines.
    """
    argv = ["go", "build", "-v", *flags, "-o", str(out), package]
    with subprocess.Popen(
        argv,
        cwd=module,
        env={**os.environ, **environment(flags, _available())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        try:
            assert process.stderr is not None  # noqa: S101 - for mypy: it is a pipe
            last = _follow(process.stderr, label, report)
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise WhisklabError(f"compiling {label} failed: {' / '.join(last)}")


def _follow(lines: Iterable[str], label: str, report: Report) -> list[str]:
    modules = packages = 0
    told = time.monotonic()
    last: deque[str] = deque(maxlen=_KEPT)
    for line in lines:
        last.append(line.strip())
        report(DETAIL + line.rstrip())
        if line.startswith("go: downloading "):
            modules += 1
        elif not line.startswith(("go:", "#", " ", "\t")):
            packages += 1
        if time.monotonic() - told >= _EVERY:
            told = time.monotonic()
            report(f"compiling {label}: {modules} modules downloaded, {packages} packages")
    return list(last)
