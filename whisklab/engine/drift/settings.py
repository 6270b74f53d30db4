"""What is left out of the comparison."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from whisklab.engine.settings import Settings

_PATTERN = re.compile(r"[^\s/]+/[^\s/]+( \S+)?")


def _pattern(value: str) -> str:
    if not _PATTERN.fullmatch(value):
        raise ValueError(
            'expected "Kind/name" or "Kind/name field.path", such as "Deployment/* spec"'
        )
    return value


class DriftSettings(Settings):
    """Objects in the cluster, and fields of them, that are left as they are.

    Attributes:
        ignored: `Kind/name` or `Kind/name field.path`, each with `*`.
    """

    prefix: ClassVar[str] = "drift_"

    ignored: list[Annotated[str, AfterValidator(_pattern)]] = []
