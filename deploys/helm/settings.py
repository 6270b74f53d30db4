"""What `helm` reads from the data."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator

from whisklab.engine.data.settings import Settings

VERSION = re.compile(r"v3\.\d+\.\d+")


def _version(value: str) -> str:
    if not VERSION.fullmatch(value):
        raise ValueError("expected a version of Helm 3 such as v3.19.5")
    return value


class HelmSettings(Settings):
    """The Helm CLI on the servers.

    Attributes:
        version: such as "v3.19.5"; None takes the catalogue's default.
    """

    prefix: ClassVar[str] = "helm_"

    version: Annotated[str, AfterValidator(_version)] | None = None
