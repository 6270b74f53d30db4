"""Debian packages: one remote command to look, apt only when one of them lacks.

In a closed network they come with a bundle (`carried.py`), if that has some.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING

from pyinfra import host
from pyinfra.api import FactProcessError, operation
from pyinfra.api.command import FunctionCommand, QuoteString, StringCommand
from pyinfra.api.host import Host

from whisklab.engine import limits
from whisklab.engine.artifacts.fetching import fetch, fetched_already
from whisklab.engine.data.machine import Machine
from whisklab.engine.facts import asking
from whisklab.engine.facts.many import Arguments, Many
from whisklab.engine.reasons import because
from whisklab.engine.resources.placed import PlacedFile
from whisklab.engine.resources.possible import refused
from whisklab.engine.resources.pushing import Pushed, push
from whisklab.engine.scripts import script
from whisklab.engine.ssh.patience import Patient
from whisklab.engine.ssh.remote import call, tried
from whisklab.errors import WhisklabError

if TYPE_CHECKING:
    from whisklab.engine.debian.package import Package
    from whisklab.engine.resources.carried import Lacking

# Nobody is there to be asked. Ubuntu's needrestart, a hook of apt and dpkg, restarts services that
# use what was installed (its README.Ubuntu), of which k3s may be one: whose turn it is, a run says.
_ALONE = ("DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1")
# Another apt (a fresh VM's own upgrades) is waited for.
APT = ("apt-get", "-q", "-y",
       "-o", f"DPkg::Lock::Timeout={limits.APT_WITHIN}",
       "-o", "Dpkg::Options::=--force-confdef",
       "-o", "Dpkg::Options::=--force-confold")  # fmt: skip

# Neither dpkg nor apt waits for all of its locks: DPkg::Lock::Timeout is for two of dpkg, those of
# lists and archives end `apt-get` at once.
_WAITING = """
end=$(($(date +%s) + $1)); shift
until said=$("$@" 2>&1 < /dev/null); do
  code=$?
  case "$said" in
    *"by another process"*|*"Could not get lock"*)
      test "$(date +%s)" -lt "$end" || { echo "$said" >&2; exit "$code"; };;
    *) echo "$said" >&2; exit "$code";;
  esac
  sleep 1
done
echo "$said"
"""
# An interrupted dpkg is finished first.
FINISH = ("dpkg", "--force-confdef", "--force-confold", "--configure", "-a")

# Who else has a lock of theirs, by what the kernel knows of locks. One of ours is known by what it
# is told of needrestart.
_HELD = """
for lock in "$@"; do
  inode=$(stat -c %i -- "$lock" 2>/dev/null) || continue
  while read -r _ _ _ _ pid file _; do
    case $file in *:"$inode") ;; *) continue;; esac
    read -r name < "/proc/$pid/comm" || continue
    grep -qzx NEEDRESTART_SUSPEND=1 "/proc/$pid/environ" && continue
    echo "process $pid ($name) has $lock"
  done < /proc/locks
done 2>/dev/null
"""
LOCKS = ("/var/lib/dpkg/lock", "/var/lib/dpkg/lock-frontend", "/var/lib/apt/lists/lock",
         "/var/cache/apt/archives/lock")  # fmt: skip


def _waiting(*command: str) -> StringCommand:
    within = str(limits.APT_WITHIN)
    return StringCommand("env", *_ALONE, "LC_ALL=C", script(_WAITING, within, *command))


def _patient(*command: str) -> Patient:
    return Patient(_waiting(*command), script(_HELD, *LOCKS))


class InstalledPackages(Many[set[str]]):
    """Those of `packages` that are installed."""

    @classmethod
    def together(cls, each: Sequence[Arguments]) -> StringCommand:
        """One look into dpkg's database."""
        return cls().command(sorted({name for one in each for name in one["packages"]}))

    @classmethod
    def apart(cls, output: list[str], each: Sequence[Arguments]) -> list[list[str]]:
        """Give each the lines of its packages."""
        lines = [(line, line.rpartition(" ")[2]) for line in output]
        if not {name for _, name in lines} <= {name for one in each for name in one["packages"]}:
            raise FactProcessError(f"unexpected answer of dpkg-query: {output[:2]}")
        return [[line for line, name in lines if name in one["packages"]] for one in each]

    @staticmethod
    def default() -> set[str]:
        """None of them."""
        return set()

    def command(self, packages: list[str]) -> StringCommand:
        """Exit 0 also when dpkg does not know one of them, which is its exit code 1."""
        return script(
            'dpkg-query -W -f "\\${db:Status-Status} \\${Package}\\n" -- "$@" 2>/dev/null || '
            "test $? -eq 1",
            *packages,
        )

    def process(self, output: list[str]) -> set[str]:
        """Parse `installed NAME` lines."""
        pairs = [line.split() for line in output]
        if any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004  a status and a name
            raise FactProcessError(f"unexpected answer of dpkg-query: {output[:2]}")
        return {name for status, name in pairs if status == "installed"}


def ahead(names: list[str]) -> None:
    """In a closed network: have what a host lacks on the laptop before any host is changed."""
    if names and Machine.of(host).offline:
        fetched(name="Packages in the cache", names=names)


@operation()
def fetched(names: list[str]) -> Generator[FunctionCommand]:
    """Have the files of those packages on the laptop that this host lacks and a bundle has.

    A host that cannot install them is failed, in plans too.
    """
    missing = _missing(names)
    found = _carried(missing)
    if found is None:
        return
    yield from refused(found.refusals)
    wanted = [] if found.refusals else found.packages
    absent = [each for each in wanted if not fetched_already(each.artifact)]
    if absent:
        because(f"{', '.join(map(str, absent))}: not on this laptop")

        def fetch_to_cache(_: Host) -> None:
            for each in absent:
                fetch(each.artifact)

        yield call(fetch_to_cache)


@operation()
def installed(names: list[str]) -> Generator[StringCommand | FunctionCommand]:
    """Have all packages of `names` installed; the lists are refreshed only when one lacks.

    In a closed network with packages in its bundle, those are used, and no source is asked.
    """
    missing = _missing(names)
    if not missing:
        host.noop("all packages are installed")
        return
    found = _carried(missing)
    if found is not None and found.refusals:
        yield from refused(found.refusals)
        return
    because(f"not installed: {', '.join(missing)}")
    if found is None:
        for command in (FINISH, (*APT, "update"),
                        (*APT, "install", "--no-install-recommends", "--", *missing)):  # fmt: skip
            yield _patient(*command)
    else:
        yield from _from_bundle(missing, found.packages)


def _missing(names: Sequence[str]) -> list[str]:
    found: set[str] = host.get_fact(InstalledPackages, packages=list(names))
    return sorted(set(names) - found)


def _carried(missing: Sequence[str]) -> Lacking | None:
    """Return what lacks, of a bundle; None where apt asks the machine's sources, or none lacks."""
    if not (missing and Machine.of(host).offline):
        return None
    # They take time to import, and a run that changes nothing needs none of it.
    from whisklab.engine.resources import carried  # noqa: PLC0415

    lock = carried.lock_of(host)
    if lock is None:
        return None
    return carried.lacking(missing, asking.once(carried.DpkgStatus), lock)


def _from_bundle(
    missing: Sequence[str], packages: Sequence[Package]
) -> Generator[StringCommand | FunctionCommand]:
    """Push files, ask apt whether it would install them, install them, and remove the files."""
    from whisklab.engine.resources import carried  # noqa: PLC0415

    because(f"from the bundle: {', '.join(map(str, packages))}")
    yield _patient(*FINISH)
    for each in packages:
        path, artifact = carried.path(each), each.artifact
        if Pushed("", artifact, path).why_sent(asking.once(PlacedFile, path=path)):
            yield call(_pushing(each, path))
    install = (*APT, *carried.ALONE, *carried.INSTALL, *map(carried.path, packages))

    def simulate(machine: Host) -> None:
        ok, lines = tried(machine, _simulated(*install))
        if not ok:
            raise WhisklabError(carried.told(lines, missing))

    yield call(simulate)
    yield _patient(*install)
    yield carried.cleared()


def _pushing(package: Package, path: str) -> Callable[[Host], None]:
    def push_package(machine: Host) -> None:
        push(machine, package.artifact, path, "644")

    return push_package


def _simulated(program: str, *arguments: str) -> StringCommand:
    words = map(QuoteString, (program, "--simulate", *arguments))
    return StringCommand("env", *_ALONE, "LC_ALL=C", *words, "2>&1")
