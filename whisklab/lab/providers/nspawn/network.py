"""The networks of a lab: a namespace with a bridge, and one per host with a link into it.

Two labs may use the same addresses, since no two share a namespace. Nothing routes out, but for
`internet`, where a user-mode NAT runs in the lab's namespace and the machine's own settings stay.
"""

from __future__ import annotations

import os
import select
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.lab.common.run import run
from whisklab.lab.providers.nspawn.layout import NETNS

BRIDGE = "br0"
UPLINK = "tap0"
# RFC 5737: a network nobody uses, so it cannot be that of a lab or what the user wants to reach.
UPLINK_NETWORK = "192.0.2.0/24"
UPLINK_DNS = "192.0.2.3"

# When anybody runs `ip netns add`, /run/netns is mounted over itself, with a copy of each mount in
# it: a namespace is mounted twice, once out of sight, and umount and rm end with EBUSY. The kernel
# lets go of all mounts of a file when it is removed in a mount namespace that has none of them.
_REMOVE = """
cd "$1"
while umount --lazy "$1/$2" || umount --lazy "$1"; do :; done 2> /dev/null
rm -f "$2"
"""


def path(namespace: str) -> Path:
    """The file by which `ip -n`, nsenter and systemd-nspawn know a namespace."""
    return NETNS / namespace


def exists(namespace: str) -> bool:
    """Whether there is a namespace or the beginning of one."""
    return path(namespace).exists()


def create(namespace: str) -> None:
    """Make a namespace that stays without a process in it.

    `ip netns add` would do, but it also mounts /run/netns on itself for good.
    """
    NETNS.mkdir(mode=0o755, parents=True, exist_ok=True)
    path(namespace).touch(mode=0o444)
    run(["unshare", f"--net={path(namespace)}", "true"])
    run(["ip", "-n", namespace, "link", "set", "lo", "up"])


def remove(namespace: str) -> None:
    """Remove a namespace, whole or half made; nothing when there is none."""
    if exists(namespace):
        private = ["unshare", "--mount", "--propagation", "private"]
        run([*private, "sh", "-euc", _REMOVE, "sh", str(NETNS), namespace])


def link_name(address: IPv4Address) -> str:
    """The name of a host's link on the bridge: 9 of the 15 characters an interface may have."""
    return f"v{int(address):08x}"


def mac(address: IPv4Address) -> str:
    """The hardware address of a host: the same after a reboot, so no neighbour has a wrong one.

    Locally administered (the bit 02 of the first byte), and its own since its IP address is.
    """
    return ":".join(f"{byte:02x}" for byte in b"\x02\xfc" + address.packed)


def make_lab(namespace: str, network: IPv4Network, gateway: IPv4Address) -> None:
    """Make the lab's namespace and its bridge.

    It forwards, though to nowhere: what hosts send out of the lab is refused at once ("network is
    unreachable") instead of lost, which programs would wait minutes for.
    """
    create(namespace)
    run(["nsenter", f"--net={path(namespace)}", "sysctl", "-qw", "net.ipv4.ip_forward=1"])
    _batch(
        namespace,
        f"link add {BRIDGE} type bridge",
        f"addr add {gateway}/{network.prefixlen} dev {BRIDGE}",
        f"link set {BRIDGE} up",
    )


def make_host(
    lab: str, namespace: str, network: IPv4Network, gateway: IPv4Address, address: IPv4Address
) -> None:
    """Make a host's namespace afresh and link it to the bridge; also what a reboot of it needs."""
    link = link_name(address)
    if _has_link(lab, link):
        _batch(lab, f"link delete {link}")
    remove(namespace)
    create(namespace)
    _batch(
        lab,
        f"link add {link} type veth peer name eth0 address {mac(address)} netns {namespace}",
        f"link set {link} master {BRIDGE} up",
    )
    _batch(
        namespace,
        f"addr add {address}/{network.prefixlen} dev eth0",
        "link set eth0 up",
        f"route add default via {gateway}",
    )


def make_tap(lab: str, address: IPv4Address) -> None:
    """Make the link of a host that is no namespace but a program of this machine."""
    link = link_name(address)
    remove_tap(lab, address)
    _batch(lab, f"tuntap add dev {link} mode tap", f"link set {link} master {BRIDGE} up")


def remove_tap(lab: str, address: IPv4Address) -> None:
    """Remove what `make_tap` has made; nothing when it is not there."""
    if exists(lab) and _has_link(lab, link_name(address)):
        _batch(lab, f"link delete {link_name(address)}")


def slirp_command(namespace: str, ready_fd: int) -> list[str]:
    """The user-mode NAT of a lab; it writes to `ready_fd` when its interface is there."""
    return [
        "slirp4netns", "--netns-type=path", "--configure", "--mtu=65520", "--disable-host-loopback",
        f"--cidr={UPLINK_NETWORK}", f"--ready-fd={ready_fd}", str(path(namespace)), UPLINK,
    ]  # fmt: skip


def wait_ready(fd: int, seconds: float = 10.0) -> None:
    """Wait until slirp4netns says it is ready.

    Raises:
        WhisklabError: it does not within `seconds`.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    if not poll.poll(seconds * 1000) or os.read(fd, 1) != b"1":
        raise WhisklabError("slirp4netns, which gives the hosts their way out, did not start")


def route_out(namespace: str, network: IPv4Network) -> None:
    """Let the hosts use the NAT: masquerading within the lab's namespace."""
    rules = (
        "table ip whisklab\ndelete table ip whisklab\ntable ip whisklab {\n"
        " chain out { type nat hook postrouting priority srcnat;"
        f" ip saddr {network} oifname {UPLINK} masquerade; }}\n}}\n"
    )
    run(["nsenter", f"--net={path(namespace)}", "nft", "-f", "-"], stdin=rules)


def _has_link(namespace: str, link: str) -> bool:
    shown = run(["ip", "-n", namespace, "-o", "link", "show"])  # "7: NAME: <..." or "7: NAME@..."
    return any(line.split()[1].rstrip(":").partition("@")[0] == link for line in shown.splitlines())


def _batch(namespace: str, *lines: str) -> None:
    run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(lines) + "\n")
