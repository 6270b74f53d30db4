"""Building a bundle: what is needed, fetched, described, signed and written."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from whisklab.bundle import keys, output, pulling, tar
from whisklab.bundle.contents import Contents
from whisklab.bundle.image_lock import ImageLock
from whisklab.bundle.items import Collected, Sources, collected
from whisklab.bundle.manifest import FORMAT, Document, Manifest, Need
from whisklab.engine.artifacts.downloads import Report

MANIFEST_SUFFIX = ".manifest"


@dataclass(frozen=True)
class Plan:
    """How a bundle is to be.

    Attributes:
        environment: for which it is.
        architectures: of its machines.
        key: that signs it.
        path: where it goes.
        split: bytes of a part, None for one file.
        since: the manifest of an earlier bundle, whose blobs are left out.
        systems: of its machines whose packages it is to have.
    """

    environment: str
    architectures: Sequence[str]
    key: Ed25519PrivateKey
    path: Path
    split: int | None = None
    since: Manifest | None = None
    systems: Sequence[str] = ()


@dataclass(frozen=True)
class Built:
    """A bundle that was written.

    Attributes:
        manifest: of it.
        path: of it, also where it is in parts.
        files: itself, or its parts.
        size: bytes of all of them.
        beside: the copy of its manifest, for a later --since.
    """

    manifest: Manifest
    path: Path
    files: Sequence[Path]
    size: int
    beside: Path


def build(plan: Plan, wanted: Contents, sources: Sources, lock: ImageLock, report: Report) -> Built:
    """Build a bundle. What was fetched stays in the cache, so another run goes on there.

    Args:
        plan: how it is to be.
        wanted: what it must hold.
        sources: where images and packages come from.
        lock: of the images.
        report: hears of the progress.

    Raises:
        WhisklabError: something cannot be had, or it cannot be written; nothing of it is left.
    """
    chosen = sources.packages.resolved(wanted.packages)
    images = pulling.resolved(wanted.images, sources.upstream, lock)
    found = collected(wanted, images, chosen, sources, report)
    manifest = described(plan, [*wanted.needs, *(each.need for each in chosen)], wanted, found)
    return write(plan, manifest, found, report)


def described(plan: Plan, needs: Sequence[Need], wanted: Contents, found: Collected) -> Manifest:
    """Return the manifest. Pure."""
    before = {each.sha256 for each in plan.since.blobs} if plan.since else set[str]()
    blobs = found.blobs
    return Manifest(
        format=FORMAT,
        made_by=f"whisklab {version('whisklab')}",
        environment=plan.environment,
        architectures=sorted(plan.architectures),
        laptops=list(wanted.tool.laptops),
        systems=sorted(plan.systems),
        needs=sorted(needs, key=lambda each: (str(each), each.architectures)),
        items=sorted(found.items, key=lambda each: each.key),
        blobs=blobs,
        absent=[each.sha256 for each in blobs if each.sha256 in before],
        since=hashlib.sha256(plan.since.text()).hexdigest() if plan.since else "",
        documents=[_document(name, data) for name, data in _documents(found).items()],
        lacking=[*wanted.lacking, *wanted.tool.lacking],
    )


def _documents(found: Collected) -> dict[str, bytes]:
    return {tar.LAYOUT: tar.LAYOUT_TEXT, tar.INDEX: found.index, **found.documents}


def _document(name: str, data: bytes) -> Document:
    return Document(name=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def write(plan: Plan, manifest: Manifest, found: Collected, report: Report) -> Built:
    """Write a bundle, and its manifest beside it.

    Raises:
        WhisklabError: there is no room for it, or a file in the cache is damaged.
    """
    text = manifest.text()
    signature = keys.signature(plan.key, text)
    entries = tar.entries(manifest, len(text), len(signature))
    size = tar.total(entries)
    given = {tar.MANIFEST: text, tar.SIGNATURE: signature, **_documents(found)}
    with output.writing(plan.path, plan.split, size, report) as target:
        for entry in entries:
            blob = entry.name.removeprefix(tar.BLOBS)
            if entry.name in given:
                output.put(target, entry, given[entry.name], None)
            else:
                output.put(target, entry, found.contents[blob], blob)
        target.write(tar.END)
        files = target.complete()
        beside = plan.path.with_name(plan.path.name + MANIFEST_SUFFIX)
        beside.write_bytes(text)
    return Built(manifest, plan.path, files, size, beside)
