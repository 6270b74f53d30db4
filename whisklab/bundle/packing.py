"""A chart of the user's as one file, always the same for the same content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from whisklab.bundle import tar
from whisklab.bundle.blobs import BLOB
from whisklab.engine.cache import cached, writing
from whisklab.engine.helm.charts import Chart
from whisklab.paths import cache_dir


def packed(chart: Chart) -> tuple[str, Path]:
    """Return SHA-256 and path of a chart in the cache: its archive, or its directory as a tar.

    Raises:
        WhisklabError: it cannot be read, or the cache cannot be written.
    """
    files = dict(chart.files())
    whole = files.get(chart.argument)
    content = whole if whole is not None else b"".join(_tarred(files))
    sha256 = hashlib.sha256(content).hexdigest()
    path = cached(sha256, BLOB)
    with writing(cache_dir()):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(content)
        part.replace(path)
    return sha256, path


def _tarred(files: dict[str, bytes]) -> Iterator[bytes]:
    for name in sorted(files):
        yield from tar.framed(tar.Entry(name, len(files[name])), [files[name]])
    yield tar.END
