"""Which tags may go, and what goes with them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whisklab.engine.sentences import listed
from whisklab.errors import BadInput
from whisklab.images.listing import Listed
from whisklab.images.names import Reference
from whisklab.images.used import Used


@dataclass(frozen=True)
class Removal:
    """A tag that goes.

    Attributes:
        name: of it.
        digest: what it means.
        kept_by: tags and indexes that reach the same digest and stay.
        freed: bytes that `images gc` frees then, since nothing else has them.
    """

    name: Reference
    digest: str
    kept_by: tuple[str, ...]
    freed: int

    def __str__(self) -> str:
        """Tell what goes."""
        fate = (
            f"which stays, {listed(self.kept_by)} has it too"
            if self.kept_by
            else f"which `images gc` then removes ({self.freed / 1e6:.1f} MB are its alone)"
        )
        return f"{self.name} -> {self.digest}, {fate}"


def removals(there: Sequence[Listed], names: Sequence[Reference], used: Used) -> list[Removal]:
    """Return what goes when tags are removed.

    Args:
        there: all tags of the registry.
        names: those to remove.
        used: by the cluster.

    Raises:
        BadInput: a tag is not there, or is in use.
    """
    known = {each.name: each for each in there}
    missing = [str(each) for each in names if each not in known]
    if missing:
        raise BadInput(
            f"{listed(missing)}: not in the registry: `whisklab images list` shows what is"
        )
    staying = [each for each in there if each.name not in set(names)]
    going = [known[each] for each in dict.fromkeys(names)]
    for each in going:
        _require_unused(each, staying, used)
    return [
        Removal(each.name, each.digest, _keepers(each, staying), _alone(each, staying))
        for each in going
    ]


def _require_unused(tag: Listed, staying: Sequence[Listed], used: Used) -> None:
    users = used.naming(tag.name)
    if not _keepers(tag, staying):
        users |= used.running((tag.digest, *tag.children))
    if users:
        raise BadInput(
            f"{tag.name}: is in use by {listed(sorted(users))}: it is not removed; change or "
            "delete these first"
        )


def _keepers(tag: Listed, staying: Sequence[Listed]) -> tuple[str, ...]:
    return tuple(
        str(each.name) if each.digest == tag.digest else f"the index {each.name}"
        for each in staying
        if each.name.repository == tag.name.repository
        and tag.digest in {each.digest, *each.children}
    )


def _alone(tag: Listed, staying: Sequence[Listed]) -> int:
    others: Mapping[str, int] = {
        digest: size for each in staying for digest, size in each.blobs.items()
    }
    return sum(size for digest, size in tag.blobs.items() if digest not in others)
