"""In which order the machines of a cluster change, and which steps of version k3s allows. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from whisklab.engine.artifacts.catalogue import END_TOLD
from whisklab.engine.tls.certificates import Certificate

# Flags with which a kubelet does not start any more, by the Kubernetes that has removed them. What
# 1.34.4, 1.35.4 and 1.36.3 declare was compared: API server, controller manager, scheduler and
# kube-proxy have lost none, so only the kubelet is asked.
REMOVED_FLAGS = {(1, 35): ("pod-infra-container-image",)}
TEMPLATE = ".toml.tmpl"  # ends the name of one for containerd
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
    found, goal = numbers(member.version), numbers(wanted)
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
    such = f", such as {max(there, key=lambda each: numbers(each) or ())}" if there else ""
    return f"a {step}{such}"


def ended(version: str, ends: date | None, today: date, available: Iterable[str]) -> str | None:
    """Return what to say of a version of which upstream mends nothing any more, or soon.

    Args:
        version: that is wanted.
        ends: the day from which that is so; None when nobody says one.
        today: the day of the run.
        available: the catalogue's versions.
    """
    parts = numbers(version)
    if ends is None or parts is None or ends - today > END_TOLD:
        return None
    when = f"has been over since {ends}" if ends <= today else f"is over on {ends}"
    return (
        f"k3s {version}: the life of Kubernetes {parts[0]}.{parts[1]} {when}, then nothing in "
        f"it is mended: set k3s_version to {_next(parts, available)}"
    )


def wants_cgroup_v2(version: str) -> bool:
    """Tell whether the kubelet of a version does not start on version 1 of control groups."""
    return (numbers(version) or (0,))[:2] >= CGROUP_V2_SINCE


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


def removed_flags(version: str) -> list[str]:
    """Return the flags that the kubelet of a version does not know any more."""
    minor = (numbers(version) or (0,))[:2]
    return [flag for since, flags in REMOVED_FLAGS.items() if since <= minor for flag in flags]


def with_removed_flags(
    name: str, version: str, config: Mapping[str, object], places: Mapping[str, str]
) -> list[str]:
    """Return why the kubelet of a version would not start with what it is told.

    Args:
        name: of the machine.
        version: that is wanted.
        config: the content of config.yaml.
        places: `path, line N` of others' files that k3s reads beside it, to the flag named there.
    """
    told = {each.lstrip("-").partition("=")[0] for each in _kubelet_args(config)}
    ours = [("k3s_server_config or k3s_agent_config", flag)
            for flag in removed_flags(version) if flag in told]  # fmt: skip
    return [
        f"kubelet: {name} is told --{flag} by {place}, with which the kubelet of k3s {version} "
        "does not start any more: take it out"
        for place, flag in [*ours, *places.items()]
    ]


def _kubelet_args(config: Mapping[str, object]) -> list[str]:
    found: list[str] = []
    for key in ("kubelet-arg", "kubelet-arg+"):
        given = config.get(key, [])
        found += map(str, given if isinstance(given, list) else [given])
    return found


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


def with_templates(member: Member, wanted: str) -> list[str]:
    """Return why k3s cannot go to another minor beside somebody's template for containerd.

    k3s does not touch one, so it says what the containerd of before was to be told: plugins, paths
    and the form of the file change with containerd, which may ignore it or not start.

    Args:
        member: with its version and what k3s reads there beside our files.
        wanted: a version.
    """
    found, goal = numbers(member.version or ""), numbers(wanted)
    templates = [each for each in member.foreign if each.endswith(TEMPLATE)]
    if not templates or found is None or goal is None or found[:2] == goal[:2]:
        return []
    sentence = (
        f"containerd: {member.name} has {', '.join(templates)}, which is for the containerd of k3s "
        f"{member.version} and stays as it is with that of {wanted}: take it away, or see that it "
        "is for that one too and say k3s_foreign_files = 'accept'"
    )
    return [sentence]


def newer(one: str, other: str) -> bool:
    """Tell whether a version is newer than another one."""
    return (numbers(one) or ()) > (numbers(other) or ())


def numbers(version: str) -> tuple[int, ...] | None:
    """Return the numbers of a version of k3s, comparable; None of another text."""
    found = VERSION.fullmatch(version)
    return tuple(map(int, found.groups())) if found else None
