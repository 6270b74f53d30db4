"""Build what the embedded lab uses in place of upstream's releases, each once, kept by content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from whisklab.lab.beside import beside
from whisklab.lab.common.run import Report
from whisklab.lab.standins.cache import Standin, built, write_catalogue
from whisklab.lab.standins.helm import helm
from whisklab.lab.standins.k3s import DEFAULT_VERSION, k3s
from whisklab.lab.standins.openwhisk import openwhisk
from whisklab.lab.standins.provisioner import provisioner
from whisklab.lab.standins.registry import registry
from whisklab.lab.standins.wsk import wsk
from whisklab.paths import cache_dir


def standins(versions: Sequence[str]) -> list[Standin]:
    """Return all stand-ins of a lab's catalogue, with these versions of k3s.

    Raises:
        WhisklabError: an unknown version.
    """
    ours = [helm(), provisioner(), openwhisk(), wsk(), registry()]
    return [*map(k3s, dict.fromkeys(versions)), *ours]


def build(
    version: str = DEFAULT_VERSION, *, also: Sequence[str] = (), report: Report | None = None
) -> Path:
    """Build the stand-ins that are not there yet, and return the path of their catalogue.

    They lie under the user's cache, each in a directory named after its own sources, flags and the
    Go version: a change of one leaves the others.

    Args:
        version: the k3s version that the catalogue has as its default.
        also: further k3s versions of the catalogue, for upgrades.
        report: called with a line every few seconds of a long build.

    Raises:
        WhisklabError: an unknown version, no usable Go, or something failed to build.
    """
    say = report or (lambda _line: None)
    parts = _built(standins([version, *also]), say)
    name = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]
    path = cache_dir() / "standins" / "catalogues" / f"{name}.yaml"
    if not path.is_file():
        write_catalogue(path, _merged(parts))
    return path


def _built(wanted: Sequence[Standin], report: Report) -> list[Path]:
    """Build all; return their catalogues in the same order.

    One Go program after the other, since the compiler uses all cores by itself, and two that begin
    at once would compile what they share twice; what is no Go program beside them.
    """

    def lane(*, compiled: bool) -> Callable[[Report], dict[int, Path]]:
        mine = {n: each for n, each in enumerate(wanted) if (each.go is not None) == compiled}
        return lambda say: {n: built(each, say) for n, each in mine.items()}

    found, others = beside(lane(compiled=True), lane(compiled=False), report)
    return [path for _, path in sorted({**found, **others}.items())]


def _merged(parts: Sequence[Path]) -> dict[str, Any]:
    """One catalogue of many; the first version of a product is its default."""
    merged: dict[str, Any] = {}
    for part in parts:
        for product, found in yaml.safe_load(part.read_text(encoding="utf-8")).items():
            known = merged.setdefault(product, {"default": found["default"], "versions": {}})
            known["versions"] |= found["versions"]
    return merged
