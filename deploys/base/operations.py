"""Operations of `base`."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import QuoteString, StringCommand

from deploys.base.facts import InstalledPackages, LoadableModules, SysctlValues
from whisklab.engine.files import script
from whisklab.engine.reasons import because

# Another apt (a fresh VM's own upgrades) is waited for. Nobody is there to be asked.
PATIENCE = 300  # seconds
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y",
       "-o", f"DPkg::Lock::Timeout={PATIENCE}",
       "-o", "Dpkg::Options::=--force-confdef",
       "-o", "Dpkg::Options::=--force-confold")  # fmt: skip

# An interrupted dpkg is finished first. Unlike apt, dpkg does not wait for another one.
_FINISH = """
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
end=$(($(date +%s) + $1))
until said=$(dpkg --force-confdef --force-confold --configure -a 2>&1 < /dev/null); do
  case "$said" in
    *"by another process"*) test "$(date +%s)" -lt "$end" || { echo "$said" >&2; exit 1; };;
    *) echo "$said" >&2; exit 1;;
  esac
  sleep 1
done
"""


@operation()
def packages(names: list[str]) -> Generator[StringCommand]:
    """Have all packages of `names` installed; the lists are refreshed only when one lacks."""
    installed: set[str] = host.get_fact(InstalledPackages, packages=names)
    missing = sorted(set(names) - installed)
    if not missing:
        host.noop("all packages are installed")
        return
    because(f"not installed: {', '.join(missing)}")
    yield script(_FINISH, str(PATIENCE))
    yield StringCommand(*APT, "update")
    yield StringCommand(*APT, "install", "--no-install-recommends", "--",
                        *map(QuoteString, missing))  # fmt: skip


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
