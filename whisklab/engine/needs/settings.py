"""What a bundle reads from the data."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from whisklab.engine.data.names import Account
from whisklab.engine.data.settings import Settings
from whisklab.engine.debian import sources

_REGISTRY = r"^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)*)(:\d+)?$"
Registry = Annotated[str, Field(pattern=_REGISTRY)]
# Without an account, a password could only stand in the address, where everybody reads it.
Url = Annotated[str, Field(pattern=r"^https?://[^\s/@'\"]+$")]


System = Annotated[str, Field(pattern=f"^{sources.SYSTEM}$")]


def _source(value: str) -> str:
    sources.parsed(value)
    return value


class BundleSettings(Settings):
    """Bundles for closed networks (`whisklab bundle`).

    Attributes:
        images: further images that it holds, such as ["docker.io/library/alpine:3.20"].
        ignored: texts in charts that look like images and are none, such as ["team/app:rw"]; each
            as `bundle build` shows it.
        mirrors: registry to the URL of another one where the same images are, for building, such as
            {"docker.io": "https://mirror.example:5000"}.
        accounts: registry, or host of a mirror, to the account by which it is read for building,
            such as {"docker.io": "lab"}: many let known ones read more in an hour. Its password is
            in .secrets/ENVIRONMENT/upstream_REGISTRY.
        packages: system to the archives of its packages, for building, in place of those that this
            laptop's apt has if it is of that system, as lines of apt's sources.list, such as
            {"debian-12": ["deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]
            http://mirror.example/debian bookworm main"]}.
    """

    prefix: ClassVar[str] = "bundle_"

    images: list[str] = []
    ignored: list[str] = []
    mirrors: dict[Registry, Url] = {}
    accounts: dict[Registry, Account] = {}
    packages: dict[System, list[Annotated[str, AfterValidator(_source)]]] = {}
