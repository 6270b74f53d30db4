"""Machines made unfit for real, and mended again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

from tests.e2e.cluster.site import Site
from whisklab.lab.providers.nspawn.layout import LabPaths
from whisklab.lab.providers.nspawn.network import BRIDGE, link_name

# Everything but SSH and what belongs to a connection is dropped.
NFT_DROP = (
    "nft add table inet fault && nft '"
    "add chain inet fault input { type filter hook input priority 0; policy drop; }; "
    "add rule inet fault input ct state established,related accept; "
    "add rule inet fault input iif lo accept; add rule inet fault input tcp dport 22 accept'"
)
NFT_MEND = "nft delete table inet fault"
IPTABLES_RULES = ("-i lo", "-p tcp --dport 22", "-m conntrack --ctstate ESTABLISHED,RELATED")
IPTABLES_DROP = "; ".join(
    ["set -e", *(f"iptables -w -I INPUT {rule} -j ACCEPT" for rule in IPTABLES_RULES),
     "iptables -w -P INPUT DROP"])  # fmt: skip
IPTABLES_MEND = "; ".join(
    ["iptables -w -P INPUT ACCEPT",
     *(f"iptables -w -D INPUT {rule} -j ACCEPT" for rule in IPTABLES_RULES)])  # fmt: skip


@contextmanager
def fault(site: Site, host: str, do: str, undo: str) -> Iterator[None]:
    """Run the script `do` on a host as root, and `undo` at the end."""
    try:
        site.root(host, do)
        yield
    finally:
        site.root(host, undo)


@contextmanager
def covered(site: Site, host: str, path: str, content: str, mode: str = "755") -> Iterator[None]:
    """Have another content at `path` on a host, over the file that is there."""
    cover = "/run/fault" + path.replace("/", "_")
    do = (
        f"set -e; printf %s {shlex.quote(content)} > {cover}; chmod {mode} {cover}; "
        f"mount --bind {cover} $(readlink -f {path})"
    )
    with fault(site, host, do, f"umount $(readlink -f {path}); rm {cover}"):
        yield


@contextmanager
def clock_ahead(site: Site, host: str, by: str) -> Iterator[None]:
    """Have `date` on a host answer `by` ahead; a container shares its clock with the machine."""
    with (
        fault(site, host, "cp /usr/bin/date /run/true-date", "rm /run/true-date"),
        covered(site, host, "/usr/bin/date", f'#!/bin/sh\nexec /run/true-date -d "{by}" "$@"\n'),
    ):
        yield


@contextmanager
def blocked(site: Site, host: str, program: str) -> Iterator[Callable[[], None]]:
    """Have `program` on a host wait; yields what lets it go on. See `is_blocked`."""
    true = f"/run/true{program.replace('/', '-')}"
    release = "touch /run/released"
    script = (
        "#!/bin/sh\necho $$ > /run/blocked\n"
        f'while ! test -e /run/released; do sleep 0.1; done\nexec {true} "$@"\n'
    )
    with (
        fault(site, host, f"cp -p {program} {true}", f"rm {true}"),
        fault(site, host, ":", f"{release}; rm -f /run/blocked"),
        covered(site, host, program, script),
        fault(site, host, "rm -f /run/released", release),
    ):
        yield lambda: print(site.root(host, release))


def is_blocked(site: Site, host: str) -> bool:
    """Tell whether somebody waits in the program of `blocked`."""
    return "yes" in site.root(host, "if test -s /run/blocked; then echo yes; fi")


@contextmanager
def small(site: Site, host: str, directory: str, size: str) -> Iterator[None]:
    """Have a file system of its own at `directory` of a host, with what was there and no room.

    Args:
        site: with the host.
        host: its name.
        directory: existing.
        size: as tmpfs takes it.
    """
    do = (
        f"set -e; mkdir /run/small; mount -t tmpfs -o size={size} small /run/small; "
        f"cp -a {directory}/. /run/small/ 2>/dev/null || true; "
        f"head -c 1G /dev/zero > /run/small/filler 2>/dev/null || true; "
        f"mount --bind /run/small {directory}"
    )
    with fault(site, host, do, f"umount {directory}; umount /run/small; rmdir /run/small"):
        yield


@contextmanager
def without_default_route(site: Site, host: str) -> Iterator[None]:
    """Take the default route from a host."""
    route = site.root(host, "ip route show default").strip()
    assert route
    with fault(site, host, "ip route del default", f"ip route add {route}"):
        yield


@contextmanager
def without_memory_cgroup(site: Site, host: str) -> Iterator[None]:
    """Have a host's kernel say that the memory cgroup is off, in cgroup v1 or v2."""
    v2 = "/sys/fs/cgroup/cgroup.controllers"
    path = site.root(host, f"test -e {v2} && echo {v2} || echo /proc/cgroups").strip()
    content = site.root(host, f"grep -v '^memory' {path} | sed 's/ memory//'")
    with covered(site, host, path, content):
        yield


@contextmanager
def without_forwarding(site: Site, host: str) -> Iterator[None]:
    """Have sshd of a host forbid TCP forwarding."""
    drop_in = "/etc/ssh/sshd_config.d/00-fault.conf"
    do = f"echo 'AllowTcpForwarding no' > {drop_in} && systemctl reload ssh"
    with fault(site, host, do, f"rm {drop_in} && systemctl reload ssh"):
        yield


@contextmanager
def port_taken(site: Site, host: str, port: int, service: str) -> Iterator[None]:
    """Have something else than `service` listen on `port`; the service is left stopped."""
    squat = f"systemd-run --quiet --unit=squatter socat TCP-LISTEN:{port},fork OPEN:/dev/null"
    with fault(
        site,
        host,
        f"systemctl stop {service} && {squat} && "
        f"for i in $(seq 100); do ss -Hltn 'sport = :{port}' | grep -q . && exit; sleep 0.1; done",
        "systemctl stop squatter",
    ):
        yield


@contextmanager
def link_cut(site: Site, host: str) -> Iterator[None]:
    """Cut the host's network link: nothing goes through, and nobody is told.

    Off the bridge, not down: what User-mode Linux sends into a link that is down fails, and then
    its driver does not read either until its interface is opened anew (`in_error` of
    arch/um/drivers/vector_kern.c).
    """
    address = next(each["address"] for each in site.lab["hosts"] if each["name"] == host)
    sudo = [] if os.geteuid() == 0 else ["sudo"]
    link = [*sudo, "ip", "-n", LabPaths(site.name, Path()).netns, "link", "set",
            link_name(IPv4Address(address))]  # fmt: skip
    subprocess.run([*link, "nomaster"], check=True)
    try:
        yield
    finally:
        subprocess.run([*link, "master", BRIDGE], check=True)


def agent_missed(site: Site, node: str) -> None:
    """Stop a node's agent, and say at once what Kubernetes itself would say after 50 s."""
    site.root(node, "systemctl stop k3s-agent")
    unknown = {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}
    status = json.dumps({"status": {"conditions": [unknown]}})
    site.kubectl("patch", "node", node, "--subresource=status", "-p", status)
    assert "NotReady" in site.kubectl("get", "node", node, "--no-headers")
