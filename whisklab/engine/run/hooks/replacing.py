"""Something of pyinfra's gives way to something of ours."""

from __future__ import annotations

from typing import Any


def replace(owner: Any, name: str, value: object) -> None:  # noqa: ANN401  a module or a class
    """Have `value` under that name."""
    setattr(owner, name, value)
