"""Untagged manifests that the cluster still uses: they get a tag, and so stay."""

from __future__ import annotations

from collections.abc import Sequence

from whisklab.images import content
from whisklab.images.client import Registry
from whisklab.images.collecting import Going
from whisklab.images.used import Used

_PREFIX, _LETTERS = "in-use-", 12


def tag_of(digest: str) -> str:
    """Return the tag that a manifest gets. Pure."""
    return _PREFIX + digest.partition(":")[2][:_LETTERS]


def endangered(going: Going, used: Used) -> list[tuple[str, str]]:
    """Return (repository, digest) of what would go although the cluster uses it. Pure."""
    return [each for each in going.manifests if used.running([each[1]])]


def keep(registry: Registry, manifests: Sequence[tuple[str, str]]) -> list[str]:
    """Give manifests a tag; return their names then.

    Raises:
        WhisklabError: the registry refuses, or cannot be asked.
    """
    names = []
    for repository, digest in manifests:
        found = content.manifest(registry, repository, digest)
        if found is not None:
            content.put(registry, repository, found, tag_of(digest))
            names.append(f"{repository}:{tag_of(digest)}")
    return names
