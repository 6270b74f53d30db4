"""What preflight makes of the answers: pure functions, one for each thing that may be wrong."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from deploys.preflight.facts import Answer
from deploys.preflight.settings import Kind, PreflightSettings
from whisklab.engine.data.machine import ARCHITECTURES

SUPPORTED = ("debian 12", "debian 13", "ubuntu 22.04", "ubuntu 24.04")
# Of 2048 MB that a machine was given, Linux shows some 1920: its own code and tables are not
# counted. Firmware and crash kernels take more; a tenth is allowed for.
SHOWN_OF_MEMORY = 0.9
KB = 1024  # in a MB
IPV4 = 4
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Finding:
    """Something that cannot work, or a warning of what may not.

    Attributes:
        kind: by which `preflight_accept` takes it.
        sentence: the thing and the remedy; the host's name is printed before it.
        warning: whether the run may go on.
    """

    kind: Kind
    sentence: str
    warning: bool = False


@dataclass(frozen=True)
class Wish:
    """What a machine must be fit for.

    Attributes:
        name: its name in the inventory.
        address: its node_address.
        ports: TCP ports on which our services will listen, and their units' names.
        open_ports: what a firewall must let in, and what it is for.
        containers: whether containers will run on it.
        makes_route: whether it gets a default route when its k3s starts.
        peers: node_address of each machine that it was asked to reach, and its name.
        settings: of this machine.
    """

    name: str
    address: str
    ports: Mapping[int, str] = field(default_factory=dict)
    open_ports: Mapping[str, str] = field(default_factory=dict)
    containers: bool = False
    makes_route: bool = False
    peers: Mapping[str, str] = field(default_factory=dict)
    settings: PreflightSettings = field(default_factory=PreflightSettings)


def judge(answer: Answer, wish: Wish) -> list[Finding]:
    """Return what is wrong with one machine, in the order of CHECKS."""
    return [finding for check in CHECKS for finding in check(answer, wish)]


def accepted(findings: Iterable[Finding], accept: Iterable[Kind]) -> list[Finding]:
    """Return the findings, those of the accepted kinds as warnings and without what only warned."""
    taken = set(accept)
    return [
        Finding(each.kind, each.sentence, each.warning or each.kind in taken)
        for each in findings
        if not (each.warning and each.kind in taken)
    ]


def _system(answer: Answer, _: Wish) -> Iterator[Finding]:
    if answer.os not in SUPPORTED:
        yield Finding(
            "os",
            f"{answer.os} is none of the tested systems ({', '.join(SUPPORTED)}): it may work, "
            "packages may be called otherwise",
            warning=True,
        )
    if answer.machine not in ARCHITECTURES:
        yield Finding(
            "architecture",
            f"its processor is {answer.machine}, supported are {' and '.join(ARCHITECTURES)}: take "
            "another machine",
        )
    if answer.init != "systemd":
        yield Finding(
            "systemd",
            f"process 1 is {answer.init}, not systemd: take a system that systemd starts",
        )
    for tool in answer.missing:
        yield Finding("tools", f"the program {tool} is missing: install the package iproute2")


def _minima(answer: Answer, wish: Wish) -> Iterator[Finding]:
    least = wish.settings
    if answer.cpus < least.min_cpus:
        yield Finding(
            "cpus",
            f"it has {answer.cpus} CPUs, {least.min_cpus} are needed: give it more, or lower "
            "preflight_min_cpus",
        )
    memory = answer.memory_kb // KB
    if memory < least.min_memory_mb * SHOWN_OF_MEMORY:
        yield Finding(
            "memory",
            f"it has {memory} MB of memory, {least.min_memory_mb} are needed: give it more, or "
            "lower preflight_min_memory_mb",
        )
    disk = answer.disk_kb // KB
    if disk < least.min_disk_mb:
        yield Finding(
            "disk",
            f"{disk} MB are free for /var/lib, {least.min_disk_mb} are needed: make room there, or "
            "lower preflight_min_disk_mb",
        )


def _addresses(answer: Answer, wish: Wish) -> Iterator[Finding]:
    if answer.remembered is not None and answer.remembered != wish.address:
        yield Finding(
            "moved",
            f"its node_address was {answer.remembered} and is now {wish.address}, which breaks a "
            "cluster that it is in: give it the old one again, or take it out of its cluster and "
            "accept the new one with preflight_accept = ['moved']",
        )
    wanted = ipaddress.ip_address(wish.address)
    if answer.addresses and wanted not in map(_address, answer.addresses):
        others = [each for each in answer.addresses if _usable(_address(each))] or ["none"]
        yield Finding(
            "address",
            f"its node_address {wish.address} is not on it, there are {', '.join(others)}: correct "
            "node_address in the inventory, or set up the address",
        )
    needs_route = wish.containers and not (wish.makes_route and wanted.version == IPV4)
    if needs_route and wanted.version not in answer.routes:
        yield Finding(
            "route",
            f"it has no default route for IPv{wanted.version}, without which k3s does not start: "
            "add one, or, in a network without a gateway, set k3s_dummy_route = True",
        )


def _address(text: str) -> IPAddress:
    return ipaddress.ip_address(text)


def _usable(address: IPAddress) -> bool:
    return not (address.is_loopback or address.is_link_local)


def _peers(answer: Answer, wish: Wish) -> Iterator[Finding]:
    for address, name in wish.peers.items():
        if not answer.peers.get(address, False):
            yield Finding(
                "reach",
                f"it cannot reach {name} at {address}, neither by ping nor by TCP: mend the "
                "network between them, or node_address",
            )


def _ports(answer: Answer, wish: Wish) -> Iterator[Finding]:
    for each in answer.listeners:
        owner = wish.ports.get(each.port)
        if owner is not None and each.unit != f"{owner}.service":
            yield Finding(
                "port",
                f"port {each.port}, which {owner} needs, is taken by {each.command} "
                f"(pid {each.pid}): stop it, or set another port",
            )


def _firewalls(answer: Answer, wish: Wish) -> Iterator[Finding]:
    families = {"both", "ip6" if ":" in wish.address else "ip"}
    names = [each.name for each in answer.firewalls if each.family in families]
    if names and wish.open_ports:
        needed = ", ".join(f"{what} ({why})" for what, why in wish.open_ports.items())
        yield Finding(
            "firewall",
            f"a firewall is active ({'; '.join(names)}): turn it off, or let in {needed} and say "
            "so with preflight_accept = ['firewall']",
        )


def _kernel(answer: Answer, wish: Wish) -> Iterator[Finding]:
    if not wish.containers:
        return
    if "memory" not in answer.kernel:
        yield Finding(
            "memory-cgroup",
            "its kernel has the memory cgroup turned off: add `cgroup_enable=memory` to the "
            "kernel's command line and restart it",
        )
    if "overlay" not in answer.kernel:
        yield Finding(
            "overlay",
            "its kernel has no overlay file system, on which containers stand: install the "
            "package of the kernel's extra modules (a container gets it from its host: `modprobe "
            "overlay` there)",
        )
    if "br_netfilter" not in answer.kernel:
        # k3s starts without it, and k3s's own check-config calls it necessary: pods of one node
        # share a bridge, and an answer that only crosses the bridge is not translated back. So a
        # pod would not get through to a service, DNS among them, whose pod is on its own node.
        yield Finding(
            "br_netfilter",
            "its kernel has no br_netfilter, without which pods do not reach services on their own "
            "node: install the package of the kernel's extra modules (a container gets it from its "
            "host: `modprobe br_netfilter` there)",
        )


CHECKS: tuple[Callable[[Answer, Wish], Iterator[Finding]], ...] = (
    _system, _minima, _addresses, _peers, _ports, _firewalls, _kernel,
)  # fmt: skip
