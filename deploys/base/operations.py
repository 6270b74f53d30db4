"""Operations of `base`."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import PurePosixPath

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from deploys.base import render
from deploys.base.facts import LoadableModules, SysctlValues
from whisklab.engine.reasons import because
from whisklab.engine.resources.files import Absent, File, write_command
from whisklab.engine.resources.paths import FirstLine, Stat


@operation()
def modules_loaded(names: list[str]) -> Generator[StringCommand]:
    """Load those kernel modules that the kernel has and that are not loaded."""
    for name in host.get_fact(LoadableModules, modules=names):
        because(f"{name} is not loaded")
        yield StringCommand("modprobe", "--", QuoteString(name))


@operation()
def sysctl(wanted: dict[str, int]) -> Generator[StringCommand]:
    """Set those kernel settings that differ now; what this kernel does not have is left out."""
    values = host.get_fact(SysctlValues, keys=sorted(wanted))
    for key in sorted(values):
        if values[key] != wanted[key]:
            because(f"{key} is {values[key]}, not {wanted[key]}")
            yield StringCommand("sysctl", "-q", "-w", QuoteString(f"{key}={wanted[key]}"))


_RELOAD = StringCommand("systemctl", "daemon-reload")


@operation()
def silenced(services: Sequence[str]) -> Generator[StringCommand]:
    """Have none of these services start; yields nothing when that is so.

    A file gets its last mode when systemd has read it, so that a run that was broken off between
    the two is gone on with.
    """
    content, paths = render.silencing_file(), [render.silencer(each) for each in services]
    found = {each: host.get_fact(Stat, path=each) for each in paths}
    lacking = [each for each in paths if File("", each, content).why(found[each])]
    for each in lacking:
        because(f"{each}: {File('', each, content).why(found[each])}")
        yield write_command(each, content, "600", "root:root")
    if lacking:
        yield _RELOAD
        yield StringCommand("chmod", "644", *map(QuoteString, lacking))


@operation()
def unsilenced(services: Sequence[str]) -> Generator[StringCommand]:
    """Have no file of ours that keeps these services from starting; yields nothing without one.

    A file loses its content before systemd reads it again, and goes at last, so that a run that was
    broken off between the two is gone on with.
    """
    paths = [render.silencer(each) for each in services]
    there = [each for each in paths if host.get_fact(Stat, path=each)]
    ours = [each for each in there if _is_ours(each)]
    for each in ours:
        because(f"{each} is no longer wanted")
        yield write_command(each, render.HEADER, "644", "root:root")
    if ours:
        yield _RELOAD
        yield StringCommand("rm", "-f", "--", *map(QuoteString, ours))
        directories = [QuoteString(str(PurePosixPath(each).parent)) for each in ours]
        yield StringCommand("rmdir", "--ignore-fail-on-non-empty", "--", *directories)


def _is_ours(path: str) -> bool:
    return bool(Absent("", path, render.HEADER).why(host.get_fact(FirstLine, path=path)))
