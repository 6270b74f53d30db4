"""What keeps virtual machines from the network though they run: a firewall that drops what passes.

Docker sets iptables' policy so (Docker's documentation, Docker with iptables); others do by nft.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_WITHIN = 5.0  # seconds
_DOCKER = Path("/sys/class/net/docker0")
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"
_ASKED = (("iptables", "-S"), ("nft", "list", "chains"))
_CHAIN = "DOCKER-USER"  # Docker's, for rules of others; it comes before its own
_OPEN = ("-A FORWARD -j ACCEPT", f"-A {_CHAIN} -j ACCEPT")
_TABLE = re.compile(r"table (ip|inet) (\S+) \{")
_BASE = re.compile(r"chain (\S+) \{\s*type filter hook forward [^}]*policy drop")


def hint() -> str:
    """Return what is to be said of this computer's firewall, "" for nothing. Changes nothing."""
    return judged("".join(map(_said, _ASKED)), docker=_DOCKER.exists())


def judged(rules: str, *, docker: bool) -> str:
    """Return the sentence for what the firewall drops, "" where it drops nothing. Pure.

    Only root may read the rules; where they cannot be had, Docker's bridge is reason enough for an
    "if".

    Args:
        rules: what `iptables -S` and `nft list chains` print, as far as they do.
        docker: whether its bridge is there.
    """
    if "-P FORWARD DROP" in rules:
        way = f"iptables -I {_CHAIN if _CHAIN in rules else 'FORWARD'} -j ACCEPT"
        return "" if set(_OPEN).intersection(rules.splitlines()) else _sentence(way)
    if base := next(_dropping(rules), ""):
        return _sentence(f"nft insert rule {base} accept")
    return f"if {_sentence(f'iptables -I {_CHAIN} -j ACCEPT')}" if docker and not rules else ""


def _dropping(rules: str) -> Iterator[str]:
    """Family, table and name of the chains that drop what no rule of theirs lets pass."""
    _, *parts = re.split(r"^(?=table )", rules, flags=re.MULTILINE)
    for part in parts:
        if table := _TABLE.match(part):
            yield from (f"{table[1]} {table[2]} {base[1]}" for base in _BASE.finditer(part))


def _sentence(way: str) -> str:
    return (
        "this computer's firewall drops what passes through it (Docker sets that), which can leave "
        f"virtual machines without a network: `{way}` lets it pass"
    )


def _said(command: tuple[str, ...]) -> str:
    program = shutil.which(command[0], path=_PATH)
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=_WITHIN, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout
