"""The laptop's side of a bundle: whisklab, its wheels and what installs them inside."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from whisklab.bundle import install, laptops, requirements, tar, tool
from whisklab.bundle.manifest import TOOL, UNKNOWN, WHEEL, Item, Laptop, Need
from whisklab.bundle.wheels import Wheel, wheels
from whisklab.engine.artifacts.downloads import Report
from whisklab.engine.artifacts.entries import ANY

_NAME = "whisklab"
_USERS = ["laptops inside"]


@dataclass(frozen=True)
class Tool:
    """What laptops inside get.

    Attributes:
        root: of the checkout; None where whisklab is not carried.
        laptops: that it is for.
        wheels: for them.
        lacking: what they need beside it; sentences.
        locks: that the build writes and a deploy inside reads.
    """

    root: Path | None = None
    laptops: Sequence[Laptop] = ()
    wheels: Sequence[Wheel] = ()
    lacking: Sequence[str] = ()
    locks: Sequence[Path] = ()

    @property
    def needs(self) -> list[Need]:
        """All of it, as the manifest says it."""
        if self.root is None:
            return []
        mine = Need(kind=TOOL, name=_NAME, version=version(_NAME), architectures=[ANY])
        return [mine, *(_need(each) for each in self.wheels)]

    @property
    def documents(self) -> dict[str, bytes]:
        """Further files of the archive."""
        if self.root is None:
            return {}
        return {tar.INSTALL: Path(install.__file__).read_bytes()}

    def items(self) -> list[tuple[Item, Path | bytes]]:
        """Return what the manifest says, each with its bytes or their file.

        Raises:
            BadInput: the checkout cannot be carried as it is.
        """
        if self.root is None:
            return []
        return [
            _whisklab(self.root, self.locks),
            *((_wheel(each), each.path) for each in self.wheels),
        ]


def wanted(root: Path, promised: Sequence[Laptop], locks: Sequence[Path], report: Report) -> Tool:
    """Return what laptops inside need; wheels are fetched where the cache lacks them.

    Args:
        root: the directory of the environment, a checkout of whisklab if it is to be carried.
        promised: the laptops.
        locks: that the build writes and a deploy inside reads.
        report: hears of the progress.

    Raises:
        BadInput: what names the requirements is no such file.
        WhisklabError: wheels cannot be had; a line for each.
    """
    why = tool.why_none(root) if promised else "this laptop's platform is not known (--laptop)"
    if why is not None:
        needed = "whisklab itself, its Python packages and Python"
        return Tool(lacking=[f"{needed}: {why}; the laptop inside must have them"])
    lock, project = root / requirements.LOCK, root / requirements.PROJECT
    pins = requirements.pins(lock.read_text(), str(lock))
    roots = requirements.roots(project.read_text(), str(project))
    found = wheels(roots, pins, promised, report)
    told = [f"for the laptop inside: {laptops.told(promised)}"]
    return Tool(root, promised, found, told, locks)


def _need(wheel: Wheel) -> Need:
    return Need(
        kind=WHEEL, name=wheel.package.name, version=wheel.package.version,
        architectures=_names(wheel.laptops),
    )  # fmt: skip


def _names(promised: Sequence[Laptop]) -> list[str]:
    return sorted(map(str, promised))


def _whisklab(root: Path, locks: Sequence[Path]) -> tuple[Item, bytes]:
    found = tool.archive(root, locks)
    sha256 = hashlib.sha256(found.data).hexdigest()
    item = Item(
        kind=TOOL, name=_NAME, version=version(_NAME), architectures=[ANY],
        file=f"{_NAME}-{version(_NAME)}.tar", size=len(found.data), sha256=sha256,
        source=f"git commit {found.commit}", licence=UNKNOWN, parts=[sha256], users=_USERS,
        notes=list(found.notes),
    )  # fmt: skip
    return item, found.data


def _wheel(wheel: Wheel) -> Item:
    package = wheel.package
    return Item(
        kind=WHEEL, name=package.name, version=package.version,
        architectures=_names(wheel.laptops), file=wheel.path.name,
        size=wheel.path.stat().st_size, sha256=wheel.sha256,
        # The purl: which index or mirror it came from is nobody's business, and no difference.
        source=f"pkg:pypi/{package.name}@{package.version}",
        licence=package.licence, parts=[wheel.sha256], users=_USERS,
    )  # fmt: skip
