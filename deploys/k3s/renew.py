"""k3s's own certificates made anew, one node after the other; the story of `renew.py`."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import timedelta

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.host import Host

from deploys.k3s import operations, render, renewal, service, wanted
from deploys.k3s.settings import K3S, K3sSettings
from deploys.k3s.turns import Turn
from whisklab.engine import limits
from whisklab.engine.facts import everywhere
from whisklab.engine.reasons import because
from whisklab.engine.resources import units
from whisklab.engine.resources.possible import possible
from whisklab.engine.run.capability import capability
from whisklab.engine.run.environment import current
from whisklab.engine.scripts import script
from whisklab.engine.ssh.remote import call
from whisklab.engine.tls import certificates
from whisklab.engine.tls.certificates import Certificate, Certificates, CertificateSettings
from whisklab.errors import WhisklabError

# What is set aside is copied first, to where `k3s certificate rotate` puts its copy. The start
# belongs to it, so that a laptop that is gone leaves no node stopped; why one fails is told by who
# looks next.
_RESTART = """
unit=$1 within=$2 tls=$3 regenerate=$4; shift 4
set_aside() {
  copy="$tls-$(date +%s)"
  mkdir -m 700 -- "$copy" && cp -a -- "$tls"/* "$copy/" || return
  if test -n "$regenerate"; then : > "$regenerate" || return; fi
  test $# -eq 0 || rm -f -- "$@"
}
systemctl stop -- "$unit" || exit 1
failed=0
if test $# -gt 0 -o -n "$regenerate"; then set_aside "$@" || failed=1; fi
timeout "$within" systemctl start -- "$unit" 2>/dev/null || true
exit "$failed"
"""


def _within() -> timedelta:
    return CertificateSettings.of(host).within


@capability(K3S, "fit")
def renewable() -> None:
    """Have nodes that can be restarted; else nothing is changed anywhere."""
    member = wanted.members().get(host.name)
    wrong = renewal.refusal(member, current().name) if member else None
    possible(name="k3s can be restarted", refusals=[wrong] if wrong else [])


def renewals() -> list[str]:
    """Return the nodes whose certificates are made anew, in this order."""
    members = wanted.members().values()  # (asks all hosts, of which each may ask `once` itself)
    # Once: each host comes here, and all must pass the same stages.
    return everywhere.once(
        "k3s renewals", lambda: renewal.turns(members, certificates.now(), _within())
    )


@capability(K3S, "renew")
def renew() -> None:
    """Make this node's certificates anew in its turn, while all others work; no pod is moved."""
    node, settings, turn = wanted.node(host), K3sSettings.of(host), wanted.turn(drain=False)
    patterns = render.certificates(node, settings)
    within = _within()

    def settle(machine: Host) -> None:
        turn.settle(machine)
        _require_renewed(machine, patterns, within)

    _others_ready(turn)
    renewed(
        name=f"Certificates of {node.service}",
        service=node.service,
        patterns=patterns,
        tls=render.tls(node, settings),
        within=within,
        before=turn.begin,
        after=settle,
    )
    service.running(after=settle)


def _others_ready(turn: Turn) -> None:
    members, order = wanted.members(), renewals()
    had_theirs = order[: order.index(host.name)]
    others = [name for name in members if name in had_theirs or name not in order]
    # One that is down, or whose certificates have ended, cannot get worse by its turn.
    member = members[host.name]
    works = member.active and not renewal.is_over(member, certificates.now())
    operations.others_ready(name="The others are Ready", names=others if works else [], turn=turn)


@operation()
def renewed(
    service: str,
    patterns: str,
    tls: str,
    within: timedelta,
    before: Callable[[Host], None],
    after: Callable[[Host], None],
) -> Generator[PyinfraCommand]:
    """Have certificates that last, by a restart, with what that would not renew set aside.

    Yields nothing on a node of which nothing is due. Pods go on: the unit ends k3s only. Where k3s
    does not come up, what comes next says so.

    Args:
        service: the unit.
        patterns: of the files with its certificates.
        tls: the directory of a server's own.
        within: what ends within that time is due.
        before: called on the laptop before it is stopped.
        after: called when it has come up.
    """
    now = certificates.now()
    found = host.get_fact(Certificates, patterns=patterns)
    ending = renewal.due(found, now, within)
    if not ending:
        return
    because(_of(ending), restarts=service)
    files, regenerate = renewal.split(renewal.aside(ending, tls, now), tls)
    starts = str(limits.SERVICE_STARTS_WITHIN)

    def proven(machine: Host) -> None:
        if machine.get_fact(units.Service, service=service).active == "active":
            after(machine)

    yield call(before)
    yield script(_RESTART, service, starts, tls, regenerate, *files)
    yield call(proven)


def _of(ending: list[Certificate]) -> str:
    others = f", and {len(ending) - 1} more" if len(ending) > 1 else ""
    return f"{ending[0].path} {ending[0].end(certificates.now())}{others}"


def _require_renewed(machine: Host, patterns: str, within: timedelta) -> None:
    """Raise when what was due still is: only a newer start of k3s, or none, would have left it."""
    found = machine.get_fact(Certificates, patterns=patterns)
    # With a time beyond their whole life all are due for ever.
    left = renewal.due(found, certificates.now(), min(within, renewal.WINDOW))
    if left:
        raise WhisklabError(
            f"{machine.name}: k3s was restarted and did not renew its certificates: {_of(left)}: "
            "see `journalctl -u 'k3s*'` there, and `k3s certificate check`"
        )
