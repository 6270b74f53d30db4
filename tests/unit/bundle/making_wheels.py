"""Wheels that hold nothing but what they say of themselves."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable


def metadata(name: str, version: str, requires: Iterable[str] = (), *more: str) -> bytes:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *more]
    return "\n".join([*lines, *(f"Requires-Dist: {each}" for each in requires), "", ""]).encode()


def wheel(
    name: str, version: str, requires: Iterable[str] = (), tag: str = "py3-none-any"
) -> bytes:
    """The bytes of a wheel that pip takes."""
    found, info = io.BytesIO(), f"{name.replace('-', '_')}-{version}.dist-info"
    files = {
        f"{info}/METADATA": metadata(name, version, requires),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\nRoot-Is-Purelib: true\n".encode(),
        f"{info}/RECORD": b"",
        # Packages carry others, which are not meant.
        f"{name}/_vendor/other-1.dist-info/METADATA": metadata("other", "1"),
    }
    with zipfile.ZipFile(found, "w") as archive:
        for path, data in files.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return found.getvalue()


def file_name(name: str, version: str, tag: str = "py3-none-any") -> str:
    return f"{name.replace('-', '_')}-{version}-{tag}.whl"
