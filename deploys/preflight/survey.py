"""All machines asked at once, one command each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pyinfra.api.host import Host
from pyinfra.api.state import State

from deploys.preflight.across import Seen, compare
from deploys.preflight.checks import Finding
from deploys.preflight.facts import MachineAnswer
from whisklab.engine import runs
from whisklab.engine.data.machine import Machine
from whisklab.engine.facts import asking
from whisklab.engine.facts.everywhere import everywhere
from whisklab.engine.facts.question import Question
from whisklab.engine.ssh.tunnels import Forbidden, open_tunnel
from whisklab.errors import WhisklabError

ALL_OF = 6  # machines; of more, not each is asked to reach each
NEXT = 2
PROBED_PORT = 1  # any will do: sshd refuses before it looks whether somebody listens


@dataclass(frozen=True)
class Look:
    """What was seen of a machine.

    Attributes:
        machine: from within; None without a readable answer.
        peers: those that it was asked to reach, node_address to name.
        forwarding: what is wrong with sshd.
    """

    machine: Seen | None
    peers: Mapping[str, str] = field(default_factory=dict)
    forwarding: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Survey:
    """What was seen of all machines of a run, by name."""

    looks: Mapping[str, Look]

    def of(self, name: str) -> Look:
        """Return what was seen of a machine."""
        return self.looks.get(name, Look(None))


class _Compared:
    """What a run's machines are beside each other, and the looks that tell it."""

    def __init__(self) -> None:
        self.looks: Mapping[str, Look] = {}
        self.findings: Mapping[str, list[Finding]] = {}


def across(
    state: State, inventory: Iterable[str], by_route: Collection[str]
) -> Mapping[str, list[Finding]]:
    """Return what only shows when the machines are compared, see `compare`; once for all of them.

    (For each of them it would cost the square of their number.)
    """
    looks, known = survey(state).looks, runs.of(state).part(_Compared)
    if known.looks is not looks:
        seen = {name: look.machine for name, look in looks.items() if look.machine}
        known.looks, known.findings = looks, compare(seen, inventory, by_route)
    return known.findings


def survey(state: State) -> Survey:
    """Return what is true of all machines now; asked once for each stage of a run."""
    return Survey(everywhere("preflight", _look, stage=state.current_stage))


def _peers(host: Host, hosts: Iterable[Host]) -> dict[str, str]:
    machines = {each.name: each for each in hosts}
    asked = peers(host.name, {name: each.groups for name, each in machines.items()})
    return {Machine.of(machines[name]).node_address: name for name in asked}


def peers(name: str, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the machines that one is asked to reach: all of a few, some of many. Pure.

    Of many it is the first of each group, and the next ones in the order of names: so each pair of
    groups is covered, each machine is asked for, and the cost is linear.

    Args:
        name: of the one that is asked.
        groups: of all machines, by name.
    """
    names = sorted(groups)
    if len(names) <= ALL_OF:
        return [each for each in names if each != name]
    known = sorted({group for own in groups.values() for group in own})
    firsts = [next(each for each in names if group in groups[each]) for group in known]
    at = names.index(name)
    following = [names[(at + step) % len(names)] for step in range(1, NEXT + 1)]
    return sorted({*firsts, *following} - {name})


def _look(state: State, host: Host) -> Look:
    peers = _peers(host, state.inventory.get_active_hosts())
    question = Question.of(MachineAnswer, peers=list(peers))
    # A malformed answer is told there; the operation then fails the host.
    found = asking.timed(host, [question]).get(question)
    if found is None or found.value is None:
        return Look(None)
    seen = Seen(found.value, found.sent, found.received)
    return Look(seen, peers, _forwarding(host))


def _forwarding(host: Host) -> tuple[Finding, ...]:
    try:
        open_tunnel(host, "127.0.0.1", PROBED_PORT).close()
    except Forbidden as error:
        return (Finding("forwarding", str(error)),)
    except WhisklabError:
        return ()  # nobody listens there: sshd has tried, so it allows it
    return ()
