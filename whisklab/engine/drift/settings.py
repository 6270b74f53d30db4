"""What is left out of the comparison."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from whisklab.engine.data.settings import Settings

_PATTERN = re.compile(r"[^\s/]+/[^\s/]+( \S+)?")


def _pattern(value: str) -> str:
    if not _PATTERN.fullmatch(value):
        raise ValueError(
            'expected "Kind/name" or "Kind/name field.path", such as "Deployment/* spec"'
        )
    return value


class DriftSettings(Settings):
    """What of the installed objects is left as it is found when somebody has changed it.

    What is added beside the fields of a release is never touched, nor the replicas that an
    autoscaler has set.

    Attributes:
        ignored: "Kind/name" or "Kind/name field.path", * is anything, such as "Deployment/web
            spec.replicas".
    """

    prefix: ClassVar[str] = "drift_"

    ignored: list[Annotated[str, AfterValidator(_pattern)]] = []
