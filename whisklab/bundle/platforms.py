"""What of an image for several platforms is carried. Pure.

The rule: an index that somebody names by its digest is carried whole, since another digest would
not be found. Of one that is known by a tag the wanted platforms are carried; its attestations and
other platforms are left out, under an index of our own, and that is said.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from whisklab.images.manifests import UNKNOWN, Descriptor, Index, digest_of

LINUX = "linux"
_PROVES = "vnd.docker.reference.digest"  # of an attestation: what it is about


@dataclass(frozen=True)
class Choice:
    """What of an index is carried.

    Attributes:
        entries: of it.
        data: the index as it is carried; None: its only entry is carried without one.
        notes: what was decided, if anything was left out; sentences.
        lacking: architectures that are wanted and not in it.
    """

    entries: tuple[Descriptor, ...]
    data: bytes | None
    notes: tuple[str, ...]
    lacking: tuple[str, ...]


def chosen(index: Index, architectures: Collection[str], *, pinned: bool) -> Choice:
    """Return what of an index is carried.

    Args:
        index: of the image.
        architectures: that are wanted, all on Linux.
        pinned: whether it is named by its digest.
    """
    wanted = tuple(each for each in index.entries if _is_for(each, architectures))
    there = {each.architecture for each in wanted}
    lacking = tuple(each for each in architectures if each not in there)
    left = [each for each in index.entries if each not in wanted]
    if not left:
        return Choice(wanted, index.data, (), lacking)
    if pinned:
        note = (
            f"named by the digest of its index, so all of that is carried: {_listed(left)} too, "
            "which no machine here needs"
        )
        return Choice(index.entries, index.data, (note,), lacking)
    data = _rewritten(index, wanted) if len(wanted) > 1 else None
    digest = digest_of(data) if data else (wanted[0].digest if wanted else "")
    note = f"{_listed(left)} left out, so its digest is {digest} instead of {index.digest}"
    return Choice(wanted, data, (note,) if wanted else (), lacking)


def _is_for(entry: Descriptor, architectures: Collection[str]) -> bool:
    system = entry.system or LINUX
    return entry.architecture in architectures and system == LINUX and not entry.annotation(_PROVES)


def _listed(entries: Collection[Descriptor]) -> str:
    """Name platforms; attestations are none and are counted."""
    proofs = [each for each in entries if each.annotation(_PROVES) or each.architecture == UNKNOWN]
    names = sorted(
        {f"{each.system or LINUX}/{each.architecture}" for each in entries if each not in proofs}
    )
    count = f"{len(proofs)} attestation{'s' if len(proofs) > 1 else ''}"
    return ", ".join([*names, *([count] if proofs else [])])


def _rewritten(index: Index, entries: Collection[Descriptor]) -> bytes:
    kept = {each.digest for each in entries}
    found = json.loads(index.data)
    found["manifests"] = [
        each
        for each in found["manifests"]
        if each["digest"] in kept and not (each.get("annotations") or {}).get(_PROVES)
    ]
    return json.dumps(found, separators=(",", ":")).encode()
