"""A file of a Debian archive, as the lock and an archive's index describe it."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field

from whisklab.engine.artifacts.entries import Artifact, Digest, Source
from whisklab.engine.debian.relations import Control

_PLAIN = re.compile(r"[^A-Za-z0-9.-]")
_SHOWN = 12  # hexadecimal digits


class Package(BaseModel):
    """A package's file, and what it needs beside itself.

    Attributes:
        name: of it.
        version: of it.
        source: URL of the archive where it was found first.
        file: its path below that.
        size: in bytes.
        sha256: of the file.
        depends: its Pre-Depends and Depends, as written.
        provides: its Provides, as written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9+.-]*$")]
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+:~-]+$")]
    source: Annotated[str, Field(pattern=r"^https?://")]
    file: Annotated[str, Field(pattern=r"^[^/\s][^\s]*\.deb$")]
    size: Annotated[int, Field(ge=0)]
    sha256: Digest
    depends: str = ""
    provides: str = ""

    @cached_property
    def control(self) -> Control:
        """What its relations are."""
        return Control(self.name, self.version, self.depends, self.provides)

    def url_at(self, source: str) -> str:
        """Return its URL in an archive; signs such as + and % are escaped."""
        return f"{source.rstrip('/')}/{quote(self.file, safe='/~:')}"

    @property
    def artifact(self) -> Artifact:
        """The file as the laptop's cache and the way to hosts know it."""
        source = Source(url=self.url_at(self.source), sha256=self.sha256)
        return Artifact(product=self.name, version=self.version, source=source)

    @property
    def plain_name(self) -> str:
        """A name of its file on hosts that nothing has to escape, and no other file has."""
        return f"{_PLAIN.sub('_', self.name)}-{self.sha256[:_SHOWN]}.deb"

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.name} {self.version}"
