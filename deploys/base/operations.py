"""Operations of `base`."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from deploys.base.facts import LoadableModules, SysctlValues
from whisklab.engine.reasons import because


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
