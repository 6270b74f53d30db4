"""What systemd says of a unit, and what its process has started from.

The unit itself records, in ExecStartPre, the SHA-256 of the files it is about to start from
(`recorder`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyinfra.api import FactProcessError
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from whisklab.engine.facts.many import Arguments, Many
from whisklab.engine.scripts import script
from whisklab.engine.ssh.remote import run_quietly

RECORDS = "/run/whisklab"


def recorder(service: str, paths: list[str]) -> str:
    """Return the value of the unit's ExecStartPre that records what the service starts from.

    Files that are not there are not recorded. Root only: a digest of a short secret is a hint.
    """
    files = " ".join(paths)
    return (
        f"-/bin/sh -c 'umask 077; mkdir -p {RECORDS}; sha256sum {files} 2>/dev/null "
        f"> {RECORDS}/{service}.started'"
    )


@dataclass(frozen=True)
class ServiceState:
    """A unit as systemd sees it, and the recorded digests (path to SHA-256)."""

    active: str
    enabled: bool
    needs_reload: bool
    started_from: Mapping[str, str]


_PROPERTIES = "LoadState,ActiveState,UnitFileState,NeedDaemonReload"
_RECORD = "record of "
# systemctl puts an empty line between units.
_SHOW_ALL = f"""
records=$1; shift
systemctl show -p {_PROPERTIES} -- "$@" || exit
for each; do
  echo "{_RECORD}$each"
  file=$records/$each.started
  if test -f "$file"; then
    while read -r line || test -n "$line"; do printf "%s\\n" "$line"; done < "$file"
  fi
done
"""


class Service(Many[ServiceState]):
    """The state of a service; an unknown unit is inactive."""

    @classmethod
    def together(cls, each: Sequence[Arguments]) -> StringCommand:
        """One systemctl for all."""
        return script(_SHOW_ALL, RECORDS, *(str(one["service"]) for one in each))

    @classmethod
    def apart(cls, output: list[str], each: Sequence[Arguments]) -> list[list[str]]:
        """Split the properties at empty lines, the records at their heads."""
        heads = [f"{_RECORD}{one['service']}" for one in each]
        if [line for line in output if line.startswith(_RECORD)] != heads:
            raise FactProcessError(f"unexpected answer of systemctl show: {output[:2]}")
        first, *_ = starts = [output.index(head) for head in heads]
        units = "\n".join(output[:first]).split("\n\n")
        ends = [*starts[1:], len(output)]
        records = [output[start + 1 : end] for start, end in zip(starts, ends, strict=True)]
        if len(units) != len(each):
            raise FactProcessError(f"expected {len(each)} units: {output[:2]}")
        return [[*unit.splitlines(), *record] for unit, record in zip(units, records, strict=True)]

    @staticmethod
    def default() -> ServiceState:
        """A unit that does not exist."""
        return ServiceState("inactive", enabled=False, needs_reload=False, started_from={})

    def command(self, service: str) -> StringCommand:
        """Print the properties, then the record."""
        return script(
            f'systemctl show -p {_PROPERTIES} -- "$1"; if test -f "$2"; then cat "$2"; fi',
            service,
            f"{RECORDS}/{service}.started",
        )

    def process(self, output: list[str]) -> ServiceState:
        """Parse `Key=value` lines and `digest  path` lines."""
        properties = dict(line.split("=", 1) for line in output if "=" in line)
        if "ActiveState" not in properties:
            raise FactProcessError(f"unexpected answer of systemctl show: {output[:2]}")
        pairs = [line.split(None, 1) for line in output if "=" not in line and line.strip()]
        if any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004  a digest and a path
            raise FactProcessError(f"the record of what the service started from is cut: {pairs}")
        return ServiceState(
            properties["ActiveState"],
            enabled=properties.get("UnitFileState") == "enabled",
            needs_reload=_needs_reload(properties),
            started_from={path: sha for sha, path in pairs},
        )


def _needs_reload(properties: Mapping[str, str]) -> bool:
    # NeedDaemonReload compares with the file that was loaded. Where none was, because systemd was
    # reloaded while it was away, it stays "no" (systemd 252), and each restart is refused.
    return (
        properties.get("NeedDaemonReload") == "yes"
        or properties.get("LoadState", "loaded") != "loaded"
    )


def started_at(host: Host, service: str) -> int:
    """Return when the running process was started, by the host's own clock (s since 1970).

    Raises:
        WhisklabError: it was never started, or not by our unit.
    """
    path = f"{RECORDS}/{service}.started"
    return int(run_quietly(host, StringCommand("stat", "-c", "%Y", QuoteString(path))))
