"""Debian packages: one remote command to look, apt only when one of them lacks."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api import FactProcessError, operation
from pyinfra.api.command import QuoteString, StringCommand

from whisklab.engine import limits
from whisklab.engine.files import script
from whisklab.engine.many import Arguments, Many
from whisklab.engine.patience import Patient
from whisklab.engine.reasons import because

# Another apt (a fresh VM's own upgrades) is waited for. Nobody is there to be asked.
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y",
       "-o", f"DPkg::Lock::Timeout={limits.APT_WITHIN}",
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


# Who else has the lock of dpkg, by what the kernel knows of locks.
_HELD = """
inode=$(stat -c %i /var/lib/dpkg/lock-frontend) || exit 0
while read -r _ _ _ _ pid file _; do
  case $file in *:"$inode") ;; *) continue;; esac
  read -r name < "/proc/$pid/comm" || continue
  case $name in apt-get) ;; *) echo "process $pid ($name) has the lock of dpkg";; esac
done < /proc/locks
"""


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


@operation()
def installed(names: list[str]) -> Generator[StringCommand]:
    """Have all packages of `names` installed; the lists are refreshed only when one lacks."""
    found: set[str] = host.get_fact(InstalledPackages, packages=names)
    missing = sorted(set(names) - found)
    if not missing:
        host.noop("all packages are installed")
        return
    because(f"not installed: {', '.join(missing)}")
    install = StringCommand(*APT, "install", "--no-install-recommends", "--",
                            *map(QuoteString, missing))  # fmt: skip
    for command in (
        script(_FINISH, str(limits.APT_WITHIN)),
        StringCommand(*APT, "update"),
        install,
    ):
        yield Patient(command, script(_HELD))
