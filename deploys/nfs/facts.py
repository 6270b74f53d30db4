"""What `nfs` asks the storage host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand

from deploys.nfs import disks, render
from deploys.nfs.disks import Disk
from whisklab.engine.scripts import script

# Each line with the kind of its answer before it: one command for all that is asked.
_LOOK = """
file=$1 service=$2 mark=$3; shift 3
empty() {
  for each in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    case $each in */lost+found) ;; *) if test -e "$each" -o -L "$each"; then return 1; fi;; esac
  done
}
sed -e 's/^/ours /' -e '$a\\' "$file" 2>/dev/null
for each in /etc/exports /etc/exports.d/*.exports; do
  if test "$each" != "$file" -a -f "$each"; then
    printf 'foreign %s\\n' "$each"; sed -e 's/^/line /' -e '$a\\' "$each"
  fi
done
if test -f /var/lib/nfs/etab; then sed 's/^/now /' /var/lib/nfs/etab; fi
for path; do
  if test -e "$path" -o -L "$path"; then stat -c 'at %n|%F|%U:%G|%a' "$path"; fi
  if test -e "$path/$mark"; then echo "marked $path"
  elif ! test -e "$path" || { ! test -e /var/lib/nfs/etab && test -d "$path" && empty "$path"; }
  then echo "fresh $path"; fi
  there=$path
  until test -e "$there"; do there=$(dirname "$there"); done
  if test -w "$there"; then can=yes; else can=no; fi
  echo "disk $path|$can|$(stat -f -c '%a|%S|%c|%d' "$there")"
done
systemctl show -p ActiveState,UnitFileState -- "$service" | sed 's/^/unit /'
"""
_KINDS = ("ours", "foreign", "line", "now", "at", "marked", "fresh", "disk", "unit")


class Place(NamedTuple):
    """What is at a path: its kind as stat prints it, owner:group, octal mode."""

    kind: str
    owner: str
    mode: str

    @property
    def open_to_all(self) -> bool:
        """Whether everybody may enter and list it."""
        return int(self.mode, 8) & 0o5 == 0o5  # noqa: PLR2004  r-x for others


@dataclass(frozen=True)
class Server:
    """The state of an NFS server.

    Attributes:
        file: the text of our file of exports, empty when there is none.
        foreign: the text of each other file of exports.
        now: what the server exports now, as exportfs keeps it.
        directories: what is at each path, if there is something.
        marked: paths that are exported under an id of their own.
        fresh: paths where there is nothing; an empty directory only where no server ever was.
        disks: the file system of each path.
        active: whether the service runs.
        enabled: whether it starts with the machine.
    """

    file: str = ""
    foreign: Mapping[str, str] = field(default_factory=dict)
    now: str = ""
    directories: Mapping[str, Place] = field(default_factory=dict)
    marked: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    disks: Mapping[str, Disk] = field(default_factory=dict)
    active: bool = False
    enabled: bool = False

    def wanted(self, exports: render.Entries) -> render.Entries:
        """Return the exports with their options as they are to be on this server."""
        return render.identified(exports, self.marked)

    def lacks(self, exports: render.Entries) -> list[str]:
        """Return what of these exports is not exported so, as half sentences."""
        return render.why_not_exported(self.wanted(exports), render.parse(self.now))


class ServerState(FactBase[Server]):
    """The state of the NFS server, and of the directories at `paths`."""

    @staticmethod
    def default() -> Server:
        """Nothing is there."""
        return Server()

    def command(self, paths: list[str]) -> StringCommand:
        """One command, whatever is installed."""
        return script(_LOOK, render.FILE, render.SERVICE, render.MARK, *paths)

    def process(self, output: list[str]) -> Server:
        """Sort the lines by their kind."""
        texts: dict[str, list[str]] = {kind: [] for kind in _KINDS}
        foreign: dict[str, str] = {}
        for line in output:
            kind, _, rest = line.partition(" ")
            if kind not in texts:
                raise FactProcessError(f"unexpected answer about NFS: {line}")
            texts[kind].append(rest)
            if kind == "foreign":
                foreign[rest] = ""
            elif kind == "line" and foreign:
                foreign[texts["foreign"][-1]] += f"{rest}\n"
        unit = dict(line.split("=", 1) for line in texts["unit"] if "=" in line)
        if "ActiveState" not in unit:
            raise FactProcessError(f"unexpected answer of systemctl show: {texts['unit']}")
        return Server(
            file="".join(f"{line}\n" for line in texts["ours"]),
            foreign=foreign,
            now="".join(f"{line}\n" for line in texts["now"]),
            directories=dict(map(_directory, texts["at"])),
            marked=tuple(texts["marked"]),
            fresh=tuple(texts["fresh"]),
            disks=dict(map(_disk, texts["disk"])),
            active=unit["ActiveState"] == "active",
            enabled=unit.get("UnitFileState") == "enabled",
        )


def _directory(line: str) -> tuple[str, Place]:
    try:
        path, kind, owner, mode = line.rsplit("|", 3)
        int(mode, 8)
        return path, Place(kind, owner, mode)
    except ValueError:
        raise FactProcessError(f"unexpected answer of stat: {line}") from None


def _disk(line: str) -> tuple[str, Disk]:
    try:
        return disks.parse(line)
    except ValueError:
        raise FactProcessError(f"unexpected answer of stat -f: {line}") from None
