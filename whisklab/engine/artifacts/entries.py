"""What a catalogue and its lock say of one file, and the artifact that it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import urljoin

from pydantic import BaseModel, ConfigDict, Field

from whisklab.engine.urls import file_name

Url = Annotated[str, Field(pattern=r"^(https?|file|oci|oci\+http)://")]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
BUNDLE = "bundle:///"  # before the name of a file that no upstream has: a bundle's upload brings it
ANY = "all"  # the architecture of what is the same everywhere, as Debian says


class Source(BaseModel):
    """Where one file comes from: its URL and its SHA-256, hexadecimal.

    The URL is https, http or file, one of the forms of `whisklab.engine.artifacts.sources`, or
    BUNDLE and a name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: Url | Annotated[str, Field(pattern=rf"^{BUNDLE}[^/]+$")]
    sha256: Digest


class Entry(BaseModel):
    """One file as the catalogue names it.

    Attributes:
        url: where it comes from.
        mirrors: further places of the same file, by the name that the setting `mirror` has.
        sums: the release's own list of SHA-256, relative to the file's URL.
        sha256: known to who wrote the catalogue; else the lock has it.
        member: the file of the archive that is wanted, when it is an archive; the checksum is
            of the archive.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: Url
    mirrors: dict[str, Url] = {}
    sums: str | None = None
    sha256: Digest | None = None
    member: str | None = None

    def url_at(self, mirror: str | None) -> str:
        """Return its URL at the mirror, or the usual one where there is no such mirror."""
        return self.mirrors.get(mirror or "", self.url)

    def sums_at(self, mirror: str | None) -> str | None:
        """Return the URL of the list of checksums beside it, None when there is none."""
        return urljoin(self.url_at(mirror), self.sums) if self.sums else None


class Locked(BaseModel):
    """A checksum in the lock, and who says so."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    sha256: Digest
    origin: Annotated[str, Field(alias="from")]


class Product(BaseModel):
    """The versions of a product: version, then artifact, then architecture.

    Attributes:
        default: version.
        ends: the day from which upstream mends nothing in a line of versions, such as v1.34.
        licence: of its files, as SPDX calls it; None: nobody has said it. Archives of images have
            those of what is in them.
        versions: that there are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    default: str
    ends: dict[str, date] = {}
    licence: str | None = None
    versions: dict[str, dict[str, dict[str, Entry]]]


@dataclass(frozen=True)
class Key:
    """The place of a file in catalogue and lock."""

    product: str
    version: str
    name: str
    architecture: str

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.product} {self.version} {self.name} {self.architecture}"


Lock = dict[Key, Locked]


class Artifact(BaseModel):
    """One file of one version for one architecture; `member` is what of an archive is wanted."""

    model_config = ConfigDict(frozen=True)
    product: str
    version: str
    source: Source
    member: str | None = None

    @property
    def file_name(self) -> str:
        """The file's name at its source."""
        return file_name(self.source.url)

    def __str__(self) -> str:
        """Name it as people do."""
        named = f"{self.product} {self.version}"
        wanted = PurePosixPath(self.member).name if self.member else self.file_name
        return named if wanted == self.product else f"{named} ({wanted})"
