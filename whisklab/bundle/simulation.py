"""Whether each laptop that a bundle is for could install whisklab from it. Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from whisklab.bundle import closure, requirements, tar
from whisklab.bundle.closure import Package
from whisklab.bundle.consistency import Document
from whisklab.bundle.laptops import KNOWN, takes
from whisklab.bundle.manifest import TOOL, WHEEL, Item, Laptop, Manifest
from whisklab.errors import WhisklabError

_BUILD = "build the bundle again"


def problems(manifest: Manifest, document: Document) -> list[str]:
    """Return what an installation would lack; sentences.

    Of a bundle of --since only what is there itself: the rest is in the earlier one.

    Args:
        manifest: of a bundle that agrees with itself.
        document: returns a file of it, None for one that is not there.
    """
    found = [*_beside(manifest)]
    tools = [each for each in manifest.items if each.kind == TOOL]
    items = [each for each in manifest.items if each.kind == WHEEL]
    if (
        found
        or not manifest.laptops
        or {each.sha256 for each in (*tools, *items)} & set(manifest.absent)
    ):
        return found
    try:
        project = _project(document(tar.BLOBS + tools[0].sha256) or b"", str(tools[0]))
        roots = requirements.roots(project, f"{tools[0]}: {requirements.PROJECT}")
        packages = {each.sha256: _package(each, document) for each in items}
    except WhisklabError as error:
        return [f"{error}: {_BUILD}"]
    for laptop in manifest.laptops:
        mine = [each for each in items if str(laptop) in each.architectures]
        found += _refused(mine, laptop)
        there = {packages[each.sha256].name: packages[each.sha256] for each in mine}
        needed, lacking = closure.needed(roots, laptop, _shelf(there))
        found += [f"{each}: the bundle has it not: {_BUILD}" for each in lacking]
        found += [
            f"{each}: is in the bundle for {laptop}, which does not need it: {_BUILD}"
            for name, each in there.items() if name not in needed
        ]  # fmt: skip
    return found


def _beside(manifest: Manifest) -> Iterator[str]:
    """Compare what is promised with whether whisklab, and what installs it, are there."""
    has_tool = any(each.kind == TOOL for each in manifest.items)
    has_install = tar.document(manifest, tar.INSTALL) is not None
    promised = ", ".join(map(str, manifest.laptops))
    if promised and not has_tool:
        yield f"whisklab: the bundle is for the laptops {promised}, and has it not: {_BUILD}"
    if promised and not has_install:
        yield f"{tar.INSTALL}: the bundle is for the laptops {promised}, and has it not: {_BUILD}"
    if not promised and (has_tool or has_install):
        yield f"whisklab: is in the bundle, and no laptop that it is for: {_BUILD}"
    for each in manifest.laptops:
        if each.platform not in KNOWN:
            yield f"{each}: is no laptop that this whisklab knows: use the one that built it"


def _project(data: bytes, label: str) -> str:
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            file = archive.extractfile(requirements.PROJECT)
            return file.read().decode() if file else ""
    except (tarfile.TarError, KeyError, ValueError) as error:
        raise WhisklabError(f"{label}: has no {requirements.PROJECT} that can be read") from error


def _package(item: Item, document: Document) -> Package:
    data = document(tar.BLOBS + item.sha256) or b""
    found = closure.package(io.BytesIO(data), str(item))
    if (found.name, found.version) != (item.name, item.version):
        raise WhisklabError(f"{item}: its wheel says that it is {found}")
    return found


def _shelf(there: Mapping[str, Package]) -> closure.Bring:
    def bring(names: Sequence[str]) -> Mapping[str, Package]:
        return {each: there[each] for each in names if each in there}

    return bring


def _refused(items: Sequence[Item], laptop: Laptop) -> Iterator[str]:
    for each in items:
        try:
            _, _, _, tags = parse_wheel_filename(each.file)
        except InvalidWheelFilename:
            tags = frozenset()
        if not takes(laptop, tags):
            yield f"{each}: its wheel {each.file} is none for {laptop}: {_BUILD}"
