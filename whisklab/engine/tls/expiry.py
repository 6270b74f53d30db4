"""What is told of certificates: by status a line for each place, by a plan only what ends soon."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pyinfra import host
from pyinfra.api.host import Host

from whisklab.engine import progress
from whisklab.engine.run import overview
from whisklab.engine.run.declared import Capability, Platform
from whisklab.engine.run.environment import current
from whisklab.engine.run.overview import Line
from whisklab.engine.tls import certificates
from whisklab.engine.tls.certificates import Certificate, Certificates, CertificateSettings

TOPIC, LAPTOP = "certificates", "laptop"


def remedy() -> str:
    """Return the command that renews all but authorities."""
    return f"whisklab certs renew {current().name}"


def tell(capabilities: Iterable[Capability], platform: Platform) -> None:
    """Tell which certificate of this host ends first; on the leader, of the laptop too.

    Args:
        capabilities: that say which files have theirs.
        platform: told to them.
    """
    kept = [each.certificates(platform) for each in capabilities]
    patterns = " ".join(pattern for each in kept for pattern in each.on_host)
    within = CertificateSettings.of(host).within

    def here(machine: Host) -> list[Line]:
        found = machine.get_fact(Certificates, patterns=patterns)
        return lines(machine.name, found, certificates.now(), within, remedy())

    def laptops(_: Host) -> list[Line]:
        own = [path for each in kept for path in each.kubeconfigs]
        found = certificates.on_laptop(current().secrets, current().name, own)
        return lines(LAPTOP, found, certificates.now(), within, remedy())

    if patterns:
        overview.tell(name="Certificates", topic=TOPIC, work=here)
    if host.name == platform.leader.name:
        overview.tell(name="Certificates on the laptop", topic=TOPIC, work=laptops)


def lines(
    place: str, found: Sequence[Certificate], now: datetime, within: timedelta, how: str
) -> list[Line]:
    """Return the line of a place; none where there is no certificate. Pure.

    Args:
        place: a machine, or the laptop.
        found: its certificates.
        now: with a time zone.
        within: what ends within that time is not well.
        how: the command that renews.
    """
    if not found:
        return []
    why = certificates.told(found, now, within, how)
    data = {"certificates": [entry(each, now) for each in sorted(found, key=lambda c: c.path)]}
    detail = why or certificates.best(found, now)
    return [Line(TOPIC, place, ok=not why, detail=detail, data=data)]


def entry(found: Certificate, now: datetime) -> dict[str, Any]:
    """Return a certificate for programs. Pure."""
    return {
        "path": found.path,
        "for": found.name,
        "names": list(found.names),
        "authority": found.signs,
        "begins": found.begins.isoformat() if found.begins else None,
        "ends": found.ends.isoformat() if found.ends else None,
        "days": found.left(now).days,
    }


def note(place: str, found: Sequence[Certificate]) -> None:
    """Say in a run what ends soon; nothing when nothing does.

    Args:
        place: a machine of the run, or the laptop.
        found: its certificates.
    """
    within = CertificateSettings.of(host).within
    sentence = certificates.told(found, certificates.now(), within, remedy())
    if sentence:
        progress.tell(f"{place}: {sentence}")


def note_authorities() -> None:
    """Say in a run which authority on the laptop ends soon; its other files the run renews."""
    found = certificates.on_laptop(current().secrets, current().name)
    note(LAPTOP, [each for each in found if each.signs])
