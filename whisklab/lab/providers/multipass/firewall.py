"""What keeps virtual machines from the network though they run: Docker's rule for what passes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_WITHIN = 5.0  # seconds
_DOCKER = Path("/sys/class/net/docker0")
_SENTENCE = (
    "this computer's firewall drops what passes through it (Docker sets that), which leaves "
    "virtual machines without a network: `iptables -I DOCKER-USER -j ACCEPT` lets it pass"
)


def hint() -> str:
    """Return what is to be said of this computer's firewall, "" for nothing. Changes nothing."""
    return judged(_rules(), docker=_DOCKER.exists())


def judged(rules: str, *, docker: bool) -> str:
    """Return the sentence for what `iptables -S FORWARD` prints, "" where it is not to be read.

    Only root may read the rules; where they cannot be had, Docker's bridge is reason enough for a
    "may". Pure.
    """
    if "-P FORWARD DROP" in rules:
        return _SENTENCE
    return f"if {_SENTENCE}" if docker and not rules else ""


def _rules() -> str:
    program = shutil.which("iptables", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, "-S", "FORWARD"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=_WITHIN, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout
