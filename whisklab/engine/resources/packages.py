"""Debian packages: one remote command to look, apt only when one of them lacks."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api import FactProcessError, operation
from pyinfra.api.command import StringCommand

from whisklab.engine import limits
from whisklab.engine.facts.many import Arguments, Many
from whisklab.engine.reasons import because
from whisklab.engine.scripts import script
from whisklab.engine.ssh.patience import Patient

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
    for command in (FINISH, (*APT, "update"),
                    (*APT, "install", "--no-install-recommends", "--", *missing)):  # fmt: skip
        yield Patient(_waiting(*command), script(_HELD, *LOCKS))
