"""A bundle's images into a registry: what it lacks, and under names that a mirror finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from whisklab.bundle import carried, tar
from whisklab.bundle.manifest import IMAGE, Manifest
from whisklab.bundle.source import BundleSource
from whisklab.engine.sentences import listed
from whisklab.errors import BadInput, WhisklabError
from whisklab.images import content
from whisklab.images.answers import Cut
from whisklab.images.client import Registry
from whisklab.images.image import Image
from whisklab.images.names import Reference


@dataclass(frozen=True)
class Ready:
    """Images that can be pushed.

    Attributes:
        targets: each with its name in the registry.
        elsewhere: the repositories of blobs that several images have, as `Push` takes them.
    """

    targets: Sequence[tuple[Image, Reference]]
    elsewhere: Mapping[str, Sequence[str]]


def ready(source: BundleSource, manifest: Manifest, registry: Registry) -> Ready:
    """Return the images of a bundle; of a continued one (--since) the registry is asked.

    Args:
        source: the bundle, verified.
        manifest: of it.
        registry: where they go.

    Raises:
        BadInput: two would have one name there.
        WhisklabError: some are left to an earlier bundle and not there, a line for each; or as
            `Registry.ask`.
    """
    pairs = carried.references(manifest, registry.access)
    repositories = list(dict.fromkeys(there.repository for _, there in pairs))

    def document(digest: str, there: Reference) -> bytes | None:
        name = tar.BLOBS + digest.removeprefix("sha256:")
        if source.has(name):
            return source.document(name)
        for each in dict.fromkeys([there.repository, *repositories]):
            found = content.manifest(registry, each, digest)
            if found is not None:
                return found.data
        return None

    targets, wrong = [], []
    for item, there in pairs:
        try:
            in_it = partial(document, there=there)
            targets.append((carried.image(item, str(there), in_it, "the registry"), there))
        except carried.Absent as error:
            wrong.append(str(error))
    if wrong:
        raise WhisklabError("\n".join(wrong))
    return Ready(targets, carried.shared(targets))


def require_registry(registry: Registry, environment: str) -> None:
    """Do nothing if the registry answers, and knows the account.

    Raises:
        Refused: it does not know the account.
        WhisklabError: nobody answers, for some time.
    """
    try:
        registry.require_login()
    except Cut as error:
        if registry.access.theirs:
            raise
        raise WhisklabError(
            f"{error}; where it was never deployed, `whisklab apply {environment} --only "
            "base,authority,registry` does that from this laptop's cache"
        ) from error


def has_images(manifest: Manifest) -> bool:
    """Tell whether a bundle has images at all."""
    return any(each.kind == IMAGE for each in manifest.items)


def require_fit(label: str, manifest: Manifest, machines: Mapping[str, str]) -> None:
    """Do nothing if a bundle is for the architectures of the machines.

    Args:
        label: how sentences call the bundle.
        manifest: of it.
        machines: architecture of each that is known, by its name.

    Raises:
        BadInput: it is not.
    """
    lacking: dict[str, list[str]] = {}
    for name, architecture in machines.items():
        if architecture not in manifest.architectures:
            lacking.setdefault(architecture, []).append(name)
    if lacking:
        there = "; ".join(f"{listed(names)}: {each}" for each, names in sorted(lacking.items()))
        arch = ",".join(sorted({*manifest.architectures, *lacking}))
        raise BadInput(
            f"{label}: is for {', '.join(manifest.architectures)}, and there are machines of other "
            f"kinds ({there}): build it with --arch {arch}"
        )
