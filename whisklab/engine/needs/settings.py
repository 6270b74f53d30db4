"""What a bundle reads from the data."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from whisklab.engine.data.settings import Settings

_REGISTRY = r"^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)*)(:\d+)?$"
Registry = Annotated[str, Field(pattern=_REGISTRY)]
# Without an account, a password could only stand in the address, where everybody reads it.
Url = Annotated[str, Field(pattern=r"^https?://[^\s/@'\"]+$")]


class BundleSettings(Settings):
    """Bundles for closed networks (`whisklab bundle`).

    Attributes:
        images: further images that it holds, such as ["docker.io/library/alpine:3.20"].
        ignored: texts in charts that look like images and are none, such as ["team/app:rw"]; each
            as `bundle build` shows it.
        mirrors: registry to the URL of another one where the same images are, for building, such as
            {"docker.io": "https://mirror.example:5000"}.
    """

    prefix: ClassVar[str] = "bundle_"

    images: list[str] = []
    ignored: list[str] = []
    mirrors: dict[Registry, Url] = {}
