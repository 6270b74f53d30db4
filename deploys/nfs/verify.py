"""Whether every node mounts every export, and reads what another node wrote."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

from pyinfra import host, inventory
from pyinfra.api.host import Host

from deploys.nfs import disks, render
from deploys.nfs.deploy import is_server
from deploys.nfs.facts import Server, ServerState
from deploys.nfs.settings import NfsSettings
from whisklab.engine.data.machine import Machine
from whisklab.engine.run import checks
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
from whisklab.engine.scripts import script
from whisklab.engine.ssh.remote import run_quietly
from whisklab.errors import WhisklabError

MOUNTED_AT = "/run/whisklab/verify"
MOUNT_WITHIN = "30"  # seconds; a server that is gone does not answer at all
_RUN = f".whisklab-verify-{secrets.token_hex(4)}"  # of this process; two may verify at once

# On the server: says which directory cannot be written to, and why; nothing when all can.
_TRY = """
name=$1; shift
for path; do
  file=$path/$name
  why=$(dd if=/dev/zero of="$file" bs=4k count=1 conv=fsync status=none 2>&1) \\
    || echo "$path cannot be written to (${why##*: })"
  rm -f "$file"
done
"""
_MOUNT = """
set -e; mkdir -p "$1"
said=$(timeout "$3" mount -t nfs -o soft,timeo=50,retrans=2 "$2" "$1" 2>&1) || {
  if test $? = 124; then said="it does not answer within $3 s: see whether its machine runs"; fi
  echo "$2 cannot be mounted: ${said%%
*}" >&2; exit 1  # mount's first line; the others are advice
}
"""
_WRITE = f"""{_MOUNT}
mkdir -p "$1/$4"; echo "$5" > "$1/$4/$5"
"""
# Also after a write that failed: it may be mounted. All nodes remove the same directory at once.
_CLEAN = """
set -e; test -d "$1" || exit 0
if mountpoint -q "$1"; then
  rm -rf "$1/$2" 2>/dev/null || true
  if test -e "$1/$2"; then echo "$1/$2 cannot be removed" >&2; exit 1; fi
  umount "$1"
fi
rmdir "$1"
"""


@dataclass(frozen=True)
class Export:
    """One export as the nodes see it.

    Attributes:
        server: name of the machine.
        source: `address:path`, as mount takes it.
        writable: whether it is exported for writing.
    """

    server: str
    source: str
    writable: bool

    @property
    def check(self) -> str:
        """What a node does with it first."""
        return f"writes to {self.source}" if self.writable else f"mounts {self.source}"

    @property
    def directory(self) -> str:
        """Where it is mounted for the check."""
        return f"{MOUNTED_AT}/{_RUN}-{self.source.replace('/', '_')}"


def _exports() -> Iterator[Export]:
    for server in inventory.get_group("storage", default=[]):
        address = Machine.of(server).node_address
        bracketed = f"[{address}]" if ":" in address else address
        for each in NfsSettings.of(server).exports:
            yield Export(server.name, f"{bracketed}:{each.path}", disks.for_writing(each.options))


@capability("nfs", "verify")
def served(platform: Platform) -> None:
    """On a storage host: its service runs, exports what the data say, and its disks take data."""
    if not is_server():
        return
    exports = render.exports(NfsSettings.of(host).exports, sorted(platform.addresses))
    paths = sorted({entry.path for entry in exports})

    def look(server: Host) -> str:
        state: Server = server.get_fact(ServerState, paths=paths)
        if not state.active:
            raise WhisklabError(f"{render.SERVICE} of {server.name} does not run: deploy again")
        missing = state.lacks(exports)
        if missing:
            raise WhisklabError(f"{server.name}: {'; '.join(missing)}: deploy again")
        _try_to_write(server, exports, state)
        return ", ".join(paths)

    checks.check(name="NFS server", what=render.SERVED, work=look)


def _try_to_write(server: Host, exports: render.Entries, state: Server) -> None:
    bad = disks.why_not_written(server.name, exports, state.disks)
    if not bad:
        said = run_quietly(server, script(_TRY, f"{_RUN}.server", *disks.writable(exports)))
        bad = [f"{server.name}: {line}: `dmesg` says more" for line in said.splitlines()]
    if bad:
        raise WhisklabError("; ".join(bad))


@capability("nfs", "verify")
def written(platform: Platform) -> None:
    """On a node: mount each export, and write a file of its own into those that are for that."""
    if not platform.has(host):
        return
    for each in host.loop(list(_exports())):

        def write(node: Host, export: Export = each) -> str:
            if bad := checks.failed([render.SERVED], on=export.server):
                raise WhisklabError(f"not tried, because {bad[0].detail}")
            arguments = (export.directory, export.source, MOUNT_WITHIN, _RUN, node.name)
            run_quietly(node, script(_WRITE if export.writable else _MOUNT, *arguments))
            return export.directory

        checks.check(name=f"Use {each.source}", what=each.check, work=write)


@capability("nfs", "verify")
def read(platform: Platform) -> None:
    """On a node: read what the node after it wrote, where nodes may write."""
    if not platform.has(host):
        return
    active = {each.name for each in inventory.get_active_hosts()}
    nodes = [each.name for each in platform.nodes if each.name in active]
    other = nodes[(nodes.index(host.name) + 1) % len(nodes)]
    for each in host.loop([export for export in _exports() if export.writable]):

        def look(node: Host, export: Export = each) -> str:
            if checks.failed([export.check], on=other):
                raise WhisklabError(f"not tried, because {other} could not write")
            path = f"{export.directory}/{_RUN}/{other}"
            found = run_quietly(node, script('cat "$1"', path)).strip()
            if found != other:
                raise WhisklabError(f"{path} says {found[:40]!r}, {other} wrote {other!r}")
            return f"what {other} wrote"

        checks.check(
            name=f"Read from {each.source}", what=f"reads {each.source}", work=look,
            after=(each.check,),
        )  # fmt: skip


@capability("nfs", "verify")
def cleaned(platform: Platform) -> None:
    """On a node: remove what was written and mounted for the check."""
    if not platform.has(host):
        return
    for each in host.loop(list(_exports())):

        def clean(node: Host, export: Export = each) -> str:
            run_quietly(node, script(_CLEAN, export.directory, _RUN))
            return "nothing is left"

        checks.check(name=f"Clean up {each.source}", what=f"cleans up {each.source}", work=clean)
