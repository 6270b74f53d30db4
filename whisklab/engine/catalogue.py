"""The artifact catalogue: which versions there are, where they come from, their checksums."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import urlparse

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whisklab.errors import BadInput


class Source(BaseModel):
    """Where one file comes from: its URL (https, http or file) and its SHA-256, hexadecimal."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: Annotated[str, Field(pattern=r"^(https?|file)://")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Product(BaseModel):
    """The versions of a product: version, then artifact, then architecture."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    default: str
    versions: dict[str, dict[str, dict[str, Source]]]


class Artifact(BaseModel):
    """One file of one version for one architecture."""

    model_config = ConfigDict(frozen=True)
    product: str
    version: str
    source: Source

    @property
    def file_name(self) -> str:
        """The file's name at its source."""
        return PurePosixPath(urlparse(self.source.url).path).name

    def __str__(self) -> str:
        """Name it as people do."""
        named = f"{self.product} {self.version}"
        return named if self.file_name == self.product else f"{named} ({self.file_name})"


class Catalogue:
    """A catalogue file.

    Args:
        path: YAML, `<product>: {default, versions: {<version>: {<artifact>: {<arch>: source}}}}`.

    Raises:
        BadInput: it cannot be read or is not of that form.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            raw = yaml.safe_load(path.read_text())
            self._products = {name: Product.model_validate(value) for name, value in raw.items()}
        except (OSError, yaml.YAMLError, AttributeError) as error:
            raise BadInput(f"{path}: is no catalogue: {error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise BadInput(f"{path}: {where}: {first['msg']}") from error

    def version(self, product: str, wanted: str | None) -> str:
        """Return the version to use: `wanted`, or the catalogue's default.

        Raises:
            BadInput: the catalogue does not have it.
        """
        if product not in self._products:
            raise BadInput(f"{self.path}: has no {product}")
        found = self._products[product]
        version = wanted or found.default
        if version not in found.versions:
            raise BadInput(
                f"{self.path}: has no {product} {version}; it has {', '.join(found.versions)}"
            )
        return version

    def artifact(self, product: str, wanted: str | None, name: str, architecture: str) -> Artifact:
        """Return one artifact.

        Args:
            product: such as `k3s`.
            wanted: a version, None for the default.
            name: the artifact within the version.
            architecture: `amd64` or `arm64`, as Debian and Go say.

        Raises:
            BadInput: the catalogue does not have it.
        """
        version = self.version(product, wanted)
        sources = self._products[product].versions[version].get(name, {})
        if architecture not in sources:
            raise BadInput(f"{self.path}: {product} {version} has no {name} for {architecture}")
        return Artifact(product=product, version=version, source=sources[architecture])
