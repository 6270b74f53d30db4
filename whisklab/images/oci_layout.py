"""Images of an OCI layout, as a directory or an archive: what is pushed are its own bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from whisklab.engine.sentences import listed
from whisklab.errors import BadInput
from whisklab.images.image import Image
from whisklab.images.manifests import (
    UNKNOWN,
    Descriptor,
    Index,
    Manifest,
    architecture_of,
    parse,
    require_copyable,
)
from whisklab.images.sources import Source

INDEX, MARK = "index.json", "oci-layout"
_NAME = "io.containerd.image.name"  # whole; containerd's exports and newer `docker save`
_REF_NAME = "org.opencontainers.image.ref.name"  # a tag, or whole
_PROVES = "vnd.docker.reference.digest"  # of an attestation: what it is about


class _Incomplete(BadInput):
    """Something that a manifest promises is not there."""


def images(source: Source) -> list[Image]:
    """Return the images of a layout.

    Raises:
        BadInput: something that it promises is not there, or is another thing.
    """
    top = parse(f"{source.label}: {INDEX}", source.document(INDEX))
    if not isinstance(top, Index) or not top.entries:
        raise BadInput(f"{source.label}: holds no image")
    names: dict[str, list[str]] = {}
    for entry in top.entries:
        names.setdefault(entry.digest, []).extend(_names(entry))
    entries = {each.digest: each for each in top.entries}
    return [_image(source, each, names[digest]) for digest, each in entries.items()]


def _names(entry: Descriptor) -> list[str]:
    whole, ref = entry.annotation(_NAME), entry.annotation(_REF_NAME)
    if not whole and ("/" in ref or ":" in ref):  # else it is a tag, of nobody knows what
        whole = ref
    return [whole] if whole else []


def _image(source: Source, entry: Descriptor, names: list[str]) -> Image:
    what = f"{source.label}: {names[0] if names else entry.digest}"
    found = _read(source, what, entry)
    unique = tuple(dict.fromkeys(names))
    if isinstance(found, Index):
        return _several(source, what, unique, found)
    architecture = _checked(source, what, found)
    return Image(unique, found, (found,), _files([found]), frozenset(architecture))


def _several(source: Source, what: str, names: tuple[str, ...], index: Index) -> Image:
    """Return the image of an index: those platforms of it that are whole."""
    whole: dict[str, Manifest] = {}
    architectures: set[str] = set()
    lacking: dict[str, _Incomplete] = {}
    for entry in index.entries:
        try:
            found = _read(source, what, entry)
            if isinstance(found, Index):
                raise BadInput(f"{what}: {entry.digest} is an index within an index: push its own")
            named = _checked(source, what, found)
        except _Incomplete as error:
            lacking[entry.digest] = error
        else:
            whole[entry.digest] = found
            architectures |= {entry.architecture} if entry.architecture else named
    kept = _with_their_own(index.entries, whole)
    if not any(not _is_proof(each) for each in kept):
        raise next(iter(lacking.values()), BadInput(f"{what}: holds no image"))
    top, notes = _top(what, index, kept, whole)
    manifests = tuple(whole[each.digest] for each in kept)
    return Image(names, top, manifests, _files(manifests), frozenset(architectures), notes)


def _with_their_own(entries: Sequence[Descriptor], whole: dict[str, Manifest]) -> list[Descriptor]:
    """Return the entries that are whole; of the proofs those whose image is."""
    return [
        each
        for each in entries
        if each.digest in whole and (not _is_proof(each) or each.annotation(_PROVES) in whole)
    ]


def _is_proof(entry: Descriptor) -> bool:
    return bool(entry.annotation(_PROVES))


def _top(
    what: str, index: Index, kept: Sequence[Descriptor], whole: dict[str, Manifest]
) -> tuple[Manifest | Index, tuple[str, ...]]:
    """Return what is to be known by the image's name, and what is to be said of it.

    An index is pushed unchanged if all that it names is there: the registry refuses others
    (validation.manifests.indexes of distribution checks all platforms).
    """
    if len(kept) == len(index.entries):
        return index, ()
    there = {each.digest for each in kept}
    left = [
        each.architecture or each.digest
        for each in index.entries
        if each.digest not in there and not _is_proof(each) and each.architecture != UNKNOWN
    ]
    top: Manifest | Index = whole[kept[0].digest]
    if len(kept) > 1:
        found = json.loads(index.data)
        found["manifests"] = [each for each in found["manifests"] if each["digest"] in there]
        top = Index(index.media_type, json.dumps(found).encode(), tuple(kept))
    note = (
        f"{what}: {listed(left) or 'a proof'} is not in it, so its digest is {top.digest} "
        f"instead of {index.digest}"
    )
    return top, (note,)


def _read(source: Source, what: str, entry: Descriptor) -> Manifest | Index:
    _require(source, what, entry)
    return parse(f"{what}: {entry.digest}", source.document(_file(entry)), entry.media_type)


def _checked(source: Source, what: str, manifest: Manifest) -> set[str]:
    """Check all parts of an image; return the architecture that it names."""
    require_copyable(what, manifest)
    for each in manifest.blobs:
        _require(source, what, each)
    name = _file(manifest.config)
    small = manifest.config.media_type.endswith("+json")
    found = architecture_of(source.document(name)) if small else None
    return {found} if found else set()


def _require(source: Source, what: str, entry: Descriptor) -> None:
    name = _file(entry)
    if not source.has(name):
        raise _Incomplete(f"{what}: {entry.digest} is not in it: save the image again, whole")
    if source.size(name) != entry.size:
        raise BadInput(
            f"{what}: {entry.digest} has {source.size(name)} bytes, and is said to have "
            f"{entry.size}: save the image again"
        )
    if f"sha256:{source.sha256(name)}" != entry.digest:
        raise BadInput(f"{what}: {name} has other bytes than its name says: save the image again")


def _files(manifests: Sequence[Manifest]) -> dict[str, str]:
    return {blob.digest: _file(blob) for each in manifests for blob in each.blobs}


def _file(entry: Descriptor) -> str:
    return f"blobs/{entry.digest.replace(':', '/')}"
