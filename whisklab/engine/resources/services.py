"""systemd services, restarted only when the running process started from something else.

The unit itself records what it starts from (`units`). The wish is compared with that, so that
neither a run that died before its restart nor somebody's restart on drifted files is missed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import PyinfraCommand, QuoteString, StringCommand
from pyinfra.api.host import Host

from whisklab.engine import limits
from whisklab.engine.facts.question import Question
from whisklab.engine.reasons import because
from whisklab.engine.resources.paths import UNFINISHED, FirstLine
from whisklab.engine.resources.units import RECORDS, Service, ServiceState
from whisklab.engine.scripts import script
from whisklab.engine.ssh.patience import Patient
from whisklab.engine.ssh.remote import call

LAST_GOOD = "/var/lib/whisklab/good"
LOG_LINES = 15

# A service may say that it is ready and fail a moment later: it must also answer, at `url`.
_RESTART = (
    f"unfinished={UNFINISHED}"
    """
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
    cp -p -- "$good$file" "$file$unfinished" && mv -f -- "$file$unfinished" "$file"
  else rm -f -- "$file"; fi
done
systemctl daemon-reload
if restart; then echo "$unit refused the new configuration; it runs on the last good one" >&2
else echo "$unit comes up neither on the new configuration nor on the last good one" >&2; fi
exit 1
"""
)


_EMPTIED = 'if test -d "$1"; then rmdir --ignore-fail-on-non-empty "$1"; fi'


@dataclass(frozen=True)
class Running:
    """A service that is enabled and runs from exactly these files.

    Attributes:
        service: the unit's name without `.service`.
        wish: path to SHA-256 of each file that the process must have started from.
    """

    service: str
    wish: Mapping[str, str]

    @property
    def question(self) -> Question:
        """What systemd says of it, and what it has recorded."""
        return Question.of(Service, service=self.service)

    def why_started(self, found: ServiceState) -> list[str]:
        """Return why it must be started or restarted, as half sentences. Pure."""
        if found.active != "active":
            return [f"it is {found.active}"]
        others = {path for path, sha in self.wish.items() if found.started_from.get(path) != sha}
        return [f"it runs on another {path}" for path in sorted(others)]

    def why_reloaded(self, found: ServiceState) -> list[str]:
        """Return why systemd must read its unit anew; nothing where it is started anyway. Pure."""
        if self.why_started(found) or not found.needs_reload:
            return []
        return ["systemd knows another unit file"]

    def why_enabled(self, found: ServiceState) -> list[str]:
        """Return why it must be enabled. Pure."""
        return [] if found.enabled else ["it is not enabled"]

    def why(self, found: ServiceState) -> str | None:
        """Return all of that, None when there is nothing. Pure."""
        started, reloaded = self.why_started(found), self.why_reloaded(found)
        return "; ".join([*started, *reloaded, *self.why_enabled(found)]) or None


# Of the newest lines the last one that names where something is, or the last one. (A kubelet of
# Kubernetes 1.36 says ten times a second that it cannot register a mirror pod, and seldom why.)
_LAST_WORDS = r"""
journalctl --no-pager -q -o cat -n 300 -u "$1" |
  awk '{ last = $0 } /:\/\/|dial / { told = $0 } END { print told ? told : last }'
"""


def _last_words(service: str) -> StringCommand:
    return script(_LAST_WORDS, service)


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
        # The unit, by which we know it, goes last.
        for file in (*files, f"{RECORDS}/{service}.started", path):
            both = (file, f"{file}{UNFINISHED}")
            yield StringCommand("rm", "-f", "--", *map(QuoteString, both))
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
    wanted, state = Running(service, wish), host.get_fact(Service, service=service)
    stale, reloaded = wanted.why_started(state), wanted.why_reloaded(state)
    for reason in stale:
        because(reason, restarts=service if state.active == "active" else None)
    if stale and before:
        yield call(before)
    for reason in reloaded:
        because(reason)
    if stale or reloaded:
        yield StringCommand("systemctl", "daemon-reload")
    for reason in wanted.why_enabled(state):
        because(reason)
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
