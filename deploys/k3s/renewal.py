"""Which of k3s's own certificates are made anew, and how. Pure.

k3s itself renews at each start what ends within its window, and an agent gets all of its own anew
from a server. What ends later is set aside with k3s stopped, so that it is made at the start, as
`k3s certificate rotate` does, but with the keys that are there. (Documentation and source of k3s,
read 2026-11: the window was 90 days, and is 120 since the releases of May 2025.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from deploys.k3s import render
from deploys.k3s.rolling import Member
from whisklab.engine.tls import certificates
from whisklab.engine.tls.certificates import Certificate

WINDOW = timedelta(days=90)
REGENERATE = "dynamic-cert-regenerate"  # a file by which k3s is told to make what it shows anew


def due(found: Iterable[Certificate], now: datetime, within: timedelta) -> list[Certificate]:
    """Return what is to be made anew; authorities are not, k3s has another way for these."""
    return certificates.due((each for each in found if not each.signs), now, within)


def turns(members: Iterable[Member], now: datetime, within: timedelta) -> list[str]:
    """Return the nodes that restart one after the other: servers first, then agents.

    Those that are down belong to them: a run may have been killed between stop and start.
    """
    ours = [each for each in members if not each.active or due(each.certificates, now, within)]
    return [each.name for each in sorted(ours, key=lambda each: (not each.is_server, each.active))]


def is_over(member: Member, now: datetime) -> bool:
    """Tell whether a certificate of a node has ended, so that it cannot get worse by its turn."""
    return bool(due(member.certificates, now, timedelta(0)))


def aside(found: Sequence[Certificate], tls: str, now: datetime) -> list[str]:
    """Return the files that a start alone would not renew.

    Args:
        found: what is due on a server.
        tls: its directory.
        now: with a time zone.
    """
    later = [each for each in found if each.ends is None or each.left(now) >= WINDOW]
    return [each.path for each in later if each.path.startswith(f"{tls}/")]


def split(paths: Sequence[str], tls: str) -> tuple[list[str], str]:
    """Return the files to remove, and the one to make for what k3s keeps in no plain file."""
    shown = f"{tls}/{render.SHOWN}"
    files = [each for each in paths if each != shown]
    return files, f"{tls}/{REGENERATE}" if shown in paths else ""


def refusal(member: Member, environment: str) -> str | None:
    """Return why a node cannot be restarted for this, None when it can.

    Args:
        member: the node.
        environment: its name, for the remedy.
    """
    if member.known and not (member.active and member.pending):
        return None
    why = (
        "its k3s is not as the data say, which a restart would act on"
        if member.known
        else "it has no k3s yet"
    )
    return f"renew: {member.name}: {why}: run `whisklab apply {environment}` first"
