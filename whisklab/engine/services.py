"""systemd services, restarted only when the running process started from something else.

The unit itself records, in ExecStartPre, the SHA-256 of the files it is about to start from
(`recorder`). The wish is compared with that record, so that neither a run that died before its
restart nor somebody's restart on drifted files is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FactProcessError, operation
from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.api.host import Host

from whisklab.engine import limits
from whisklab.engine.files import FirstLine, script
from whisklab.engine.many import Arguments, Many
from whisklab.engine.patience import Patient
from whisklab.engine.reasons import because
from whisklab.engine.remote import call, run_quietly

RECORDS = "/run/whisklab"
LAST_GOOD = "/var/lib/whisklab/good"
LOG_LINES = 15

# A service may say that it is ready and fail a moment later: it must also answer, at `url`.
_RESTART = """
unit=$1 good=$2 within=$3 lines=$4 url=$5 ca=$6 since=$(date +%s); shift 6
answers() {
  until curl -fsS ${ca:+--cacert "$ca"} -o /dev/null --max-time 5 "$url" 2>/dev/null; do
    systemctl is-active -q -- "$unit" && test $(($(date +%s) - began)) -lt "$within" || return 1
    sleep 0.2
  done
}
restart() {
  began=$(date +%s); timeout "$within" systemctl restart -- "$unit" && answers
}
if restart; then
  rm -rf "$good.new"
  for file; do if test -e "$file"; then
    mkdir -p -m 700 "$good.new${file%/*}" && cp -p -- "$file" "$good.new$file"
  fi; done
  rm -rf "$good"; mv "$good.new" "$good"; exit 0
fi
journalctl --no-pager -q -o cat --since "@$since" -u "$unit" | tail -n "$lines" >&2
if ! test -d "$good"; then echo "$unit does not come up" >&2; exit 1; fi
for file; do
  if test -e "$good$file"; then
    cp -p -- "$good$file" "$file.whisklab-new" && mv -f -- "$file.whisklab-new" "$file"
  else rm -f -- "$file"; fi
done
systemctl daemon-reload
if restart; then echo "$unit refused the new configuration; it runs on the last good one" >&2
else echo "$unit comes up neither on the new configuration nor on the last good one" >&2; fi
exit 1
"""


_EMPTIED = 'if test -d "$1"; then rmdir --ignore-fail-on-non-empty "$1"; fi'


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


def why_restart(state: ServiceState, wish: Mapping[str, str]) -> list[str]:
    """Return the files of which the running process started from another content. Pure."""
    return sorted(path for path, sha in wish.items() if state.started_from.get(path) != sha)


def why_not_running(state: ServiceState, wish: Mapping[str, str]) -> list[str]:
    """Return why the service must be started or restarted, as half sentences. Pure."""
    if state.active != "active":
        return [f"it is {state.active}"]
    return [f"it runs on another {path}" for path in why_restart(state, wish)]


def started_at(host: Host, service: str) -> int:
    """Return when the running process was started, by the host's own clock (s since 1970).

    Raises:
        WhisklabError: it was never started, or not by our unit.
    """
    path = f"{RECORDS}/{service}.started"
    return int(run_quietly(host, StringCommand("stat", "-c", "%Y", QuoteString(path))))


def _last_words(service: str) -> StringCommand:
    return StringCommand("journalctl", "--no-pager", "-q", "-o", "cat", "-n", "1",
                         "-u", QuoteString(service))  # fmt: skip


@operation()
def removed(
    service: str, path: str, header: str, directory: str, files: Sequence[str]
) -> Generator[StringCommand]:
    """Have no service of ours: ended, its files and its unit away; yields nothing without one.

    Args:
        service: the unit's name without `.service`.
        path: of its unit.
        header: the first line by which our unit is known; another one is left alone.
        directory: of ours; it goes, too, when nothing else is in it.
        files: that only this service has.
    """
    if host.get_fact(FirstLine, path=path) == header:
        because("it is no longer wanted", restarts=service)
        yield StringCommand("systemctl", "disable", "--quiet", "--now", "--", QuoteString(service))
        for file in (
            *files,
            f"{RECORDS}/{service}.started",
            path,
        ):  # the unit is what we know it by
            yield StringCommand("rm", "-f", "--", QuoteString(file))
        yield script(_EMPTIED, directory)
        yield StringCommand("systemctl", "daemon-reload")


@operation()
def running(
    service: str,
    wish: Mapping[str, str],
    configuration: list[str],
    health_url: str,
    authority: str = "",
    before: Callable[[Host], None] | None = None,
    after: Callable[[Host], None] | None = None,
) -> Generator[PyinfraCommand]:
    """Have `service` enabled and running from exactly the files of `wish`.

    Args:
        service: the unit's name without `.service`.
        wish: path to SHA-256 of each file it must have started from.
        configuration: those of them that are put back to the last good ones when the service does
            not come up with the new ones.
        health_url: answers 2xx on the host itself when the service works.
        authority: the file with the certificate that the URL is known by; "" for those of the host.
        before: called on the laptop before it is started or restarted, such as a drain.
        after: called when it has come up, such as to wait until its work goes on.

    Yields nothing when the process runs and started from just that. A start that fails, or takes
    longer than SERVICE_STARTS_WITHIN, fails the host with the last lines of the service's log.
    """
    state = host.get_fact(Service, service=service)
    for reason in why_not_running(state, wish):
        because(reason, restarts=service if state.active == "active" else None)
    stale = state.active != "active" or bool(why_restart(state, wish))
    if stale and before:
        yield call(before)
    if stale or state.needs_reload:
        if not stale:
            because("systemd knows another unit file")
        yield StringCommand("systemctl", "daemon-reload")
    if not state.enabled:
        because("it is not enabled")
        yield StringCommand("systemctl", "enable", "--quiet", "--", QuoteString(service))
    if stale:
        good = f"{LAST_GOOD}/{service}"
        start = script(
            _RESTART,
            service,
            good,
            str(limits.SERVICE_STARTS_WITHIN),
            str(LOG_LINES),
            health_url,
            authority,
            *configuration,
        )
        yield Patient(start, _last_words(service))
        if after:
            yield call(after)
