"""In which order the machines of a cluster change, and which steps of version k3s allows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from whisklab.engine.certificates import Certificate

_CLUSTER = "build a new cluster with it (`whisklab actions export` keeps the actions)"
# Keys of config.yaml that k3s's documentation says cannot change, and the way out.
FIXED = {
    "node-name": "drain the node, end its k3s, `kubectl delete node` it, and add it as a new one",
    "cluster-cidr": _CLUSTER,
    "service-cidr": _CLUSTER,
    "cluster-dns": _CLUSTER,
    "cluster-domain": _CLUSTER,
}
END_TOLD = timedelta(days=30)  # before it
CGROUP_V2_SINCE = (1, 35)  # Kubernetes' release notes; before it the kubelet only warned
VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)\+k3s(\d+)")


@dataclass(frozen=True)
class Member:
    """A machine of the cluster as it is.

    Attributes:
        name: the node's.
        is_server: whether it runs the control plane.
        pending: whether anything of k3s on it is not as wanted.
        known: whether its service has been there before.
        active: whether its service runs.
        version: of its k3s, None for the wanted one or none.
        anew: whether the machine has nothing of a node, so what the cluster knows under its name is
            another machine.
        foreign: files of somebody else's that k3s reads beside ours.
        started: when the machine was started, in seconds since 1970 by its own clock, if that is
            so short ago that the cluster may not know yet; else None.
        certificates: of k3s on it.
    """

    name: str
    is_server: bool
    pending: bool
    known: bool
    active: bool
    version: str | None = None
    anew: bool = False
    started: float | None = None
    foreign: tuple[str, ...] = ()
    certificates: tuple[Certificate, ...] = ()

    @property
    def joins(self) -> bool:
        """Whether it is new, so that nothing is disturbed by its change."""
        return self.pending and not self.known


def turns(members: Iterable[Member]) -> list[str]:
    """Return who changes one after the other: servers first, then the agents that are not new.

    An agent that is down comes before those that work, so that never two are down. New agents are
    not in it: they join all at once; new servers join one by one, as etcd wants it.
    """
    pending = [each for each in members if each.pending]
    servers = [each.name for each in pending if each.is_server]
    agents = [each for each in pending if not each.is_server and each.known]
    return [*servers, *(each.name for each in sorted(agents, key=lambda each: each.active))]


def refusal(member: Member, wanted: str, available: Iterable[str]) -> str | None:
    """Return why a machine's k3s cannot be changed to the wanted version, None when it can.

    Kubernetes' version skew policy: a control plane goes up by one minor at a time, never back.

    Args:
        member: with its version.
        wanted: a version.
        available: the catalogue's versions.
    """
    if member.version is None:
        return None
    found, goal = _numbers(member.version), _numbers(wanted)
    if found is None or goal is None:
        return None
    if goal < found:
        return (
            f"version: {member.name} has k3s {member.version}, which cannot go back to {wanted}: "
            "set k3s_version to that or a newer one"
        )
    if goal[:2] <= (found[0], found[1] + 1):
        return None
    return (
        f"version: {member.name} has k3s {member.version}, which cannot skip a minor on its way to "
        f"{wanted}: set k3s_version to {_next(found, available)}, and deploy that first"
    )


def _next(version: tuple[int, ...], available: Iterable[str]) -> str:
    """Name the minor that follows on a version, with the newest of it that there is."""
    step = f"v{version[0]}.{version[1] + 1}"
    there = [each for each in available if each.startswith(f"{step}.")]
    such = f", such as {max(there, key=lambda each: _numbers(each) or ())}" if there else ""
    return f"a {step}{such}"


def ended(version: str, ends: date | None, today: date, available: Iterable[str]) -> str | None:
    """Return what to say of a version of which upstream mends nothing any more, or soon.

    Args:
        version: that is wanted.
        ends: the day from which that is so; None when nobody says one.
        today: the day of the run.
        available: the catalogue's versions.
    """
    numbers = _numbers(version)
    if ends is None or numbers is None or ends - today > END_TOLD:
        return None
    when = f"has been over since {ends}" if ends <= today else f"is over on {ends}"
    return (
        f"k3s {version}: the life of Kubernetes {numbers[0]}.{numbers[1]} {when}, then nothing in "
        f"it is mended: set k3s_version to {_next(numbers, available)}"
    )


def wants_cgroup_v2(version: str) -> bool:
    """Tell whether the kubelet of a version does not start on version 1 of control groups."""
    return (_numbers(version) or (0,))[:2] >= CGROUP_V2_SINCE


def without_cgroup_v2(name: str, version: str) -> str:
    """Return why a machine with version 1 of control groups cannot have a version of k3s.

    Args:
        name: of the machine.
        version: that is wanted.
    """
    return (
        f"control groups: {name} has version 1 of them, on which the kubelet of k3s {version} does "
        "not start: boot it with version 2 (systemd.unified_cgroup_hierarchy=1 on its kernel's "
        "command line), or say k3s_cgroup_v1 = True while Kubernetes still can"
    )


def foreign(member: Member) -> list[str]:
    """Return a sentence on what k3s reads that is not ours."""
    if not member.foreign:
        return []
    sentence = (
        f"{member.name}: k3s also reads {', '.join(member.foreign)}, which no run has written and "
        "which acts at the next restart: put it into the data (k3s_server_config, "
        "k3s_agent_config, k3s_registries), or say k3s_foreign_files = 'accept'"
    )
    return [sentence]


def fixed(name: str, before: Mapping[str, object], wanted: Mapping[str, object]) -> list[str]:
    """Return why settings cannot be changed that a node keeps from its first start to its end.

    Args:
        name: of the machine.
        before: what it last started well with, by key of config.yaml; empty for a new one.
        wanted: what it is to have.
    """
    return [
        f"{key}: {name} runs with {before.get(key, 'the default')}, and k3s cannot change to "
        f"{wanted.get(key, 'the default')} on a node that is there: set it back, or {FIXED[key]}"
        for key in FIXED
        if before and before.get(key) != wanted.get(key)
    ]


def newer(one: str, other: str) -> bool:
    """Tell whether a version is newer than another one."""
    return (_numbers(one) or ()) > (_numbers(other) or ())


def _numbers(version: str) -> tuple[int, ...] | None:
    found = VERSION.fullmatch(version)
    return tuple(map(int, found.groups())) if found else None
