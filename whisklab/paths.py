"""Where whisklab keeps what is not in the repository (XDG base directory specification)."""

from __future__ import annotations

import os
from pathlib import Path


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    # The specification: a relative path is invalid and to be ignored.
    return Path(value) if value.startswith("/") else Path.home() / fallback


def cache_dir() -> Path:
    """The directory of what can be fetched or built again."""
    return _xdg("XDG_CACHE_HOME", ".cache") / "whisklab"


def state_dir() -> Path:
    """The directory of what belongs to labs that exist now."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "whisklab"
