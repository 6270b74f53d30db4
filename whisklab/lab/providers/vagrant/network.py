"""Which networks the machines of a lab can have: what VirtualBox lets, and what the cluster needs.

VirtualBox's manual, Host-Only Networking; Vagrant's rule: virtualbox/action/network.rb.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from whisklab.errors import BadInput
from whisklab.networks import PODS, SERVICES

DEFAULT, FILE = IPv4Network("192.168.56.0/21"), Path("/etc/vbox/networks.conf")
_ALL = IPv4Network("0.0.0.0/0")


def ranges() -> tuple[IPv4Network, ...]:
    """Return where VirtualBox has host-only networks on this computer."""
    if sys.platform == "darwin":
        return (_ALL,)  # from VirtualBox 7 on
    try:
        return tuple(allowed(FILE.read_text(encoding="utf-8", errors="replace")))
    except FileNotFoundError:
        return (DEFAULT,)


def allowed(text: str) -> Iterator[IPv4Network]:
    """Read networks.conf: networks of lines that begin with a star; they replace the default. Pure.

    Those of IPv6 are left out, and so is what is no network, on which Vagrant ends.
    """
    for line in map(str.strip, text.splitlines()):
        for word in line[1:].split() if line.startswith("*") else ():
            try:
                yield IPv4Network(word, strict=False)
            except ValueError:
                continue


def refuse_outside(network: IPv4Network, within: Sequence[IPv4Network]) -> None:
    """Refuse a network that VirtualBox does not take. Pure.

    Raises:
        BadInput: it is in none of these.
    """
    if any(network.subnet_of(each) for each in within):
        return
    raise BadInput(
        f"network: expected one in {' or '.join(map(str, within)) or 'what it allows, nothing'} "
        f"({DEFAULT} is VirtualBox's own, {FILE} allows others by a line `* {network}`), got "
        f"{network}"
    )


def refuse_cluster(network: IPv4Network) -> None:
    """Refuse a network that the cluster has inside. Pure.

    Raises:
        BadInput: names both.
    """
    for what, inside in (("pods", PODS), ("services", SERVICES)):
        if network.overlaps(inside):
            raise BadInput(
                f"network: {network} and {inside}, which k3s has for {what}, overlap: take one "
                f"apart from both, such as 192.168.56.0/24"
            )
