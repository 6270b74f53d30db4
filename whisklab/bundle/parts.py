"""What the parts of a split bundle are called, and how much is read at once."""

from __future__ import annotations

from pathlib import Path

CHUNK = 1 << 20  # bytes


def part(path: Path, number: int) -> Path:
    """Return the path of a part; the first is 001."""
    return path.with_name(f"{path.name}.{number:03d}")
