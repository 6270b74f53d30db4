"""Charts: a directory or an archive on the laptop, or a name in the catalogue."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from whisklab.engine import documents
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.artifacts.entries import ANY, Artifact
from whisklab.engine.artifacts.fetching import fetch, fetched_already
from whisklab.engine.cache import sha256_of
from whisklab.engine.helm.overlay import Overlay
from whisklab.errors import BadInput, WhisklabError

ARCHIVES = (".tgz", ".tar.gz")
ARTIFACT = "chart"  # what the catalogue calls a product's chart
DIRECTORY, ARCHIVE = "chart", "chart.tgz"  # what it is called where helm runs


@dataclass(frozen=True)
class Chart:
    """A chart and the digest of its content.

    Attributes:
        title: how sentences call it.
        digest: SHA-256 of the archive, or of a directory's files with their names.
        path: the directory or archive on the laptop; None for one of the catalogue.
        artifact: of the catalogue, None for one on the laptop.
        overlay: what is changed in it.
    """

    title: str
    digest: str
    path: Path | None = None
    artifact: Artifact | None = None
    overlay: Overlay = field(default_factory=Overlay)

    def changed(self, overlay: Overlay) -> Chart:
        """Return this chart with changes, and so with another digest."""
        if not overlay:
            return self
        both = hashlib.sha256(f"{self.digest} {overlay.digest}".encode()).hexdigest()
        return replace(self, digest=both, overlay=overlay)

    @property
    def lacks(self) -> bool:
        """Whether it must be fetched before it can be used."""
        return self.artifact is not None and not fetched_already(self.artifact)

    def have(self) -> None:
        """Fetch it if it lacks.

        Raises:
            WhisklabError: it cannot be had.
        """
        if self.artifact is not None:
            fetch(self.artifact)

    @property
    def brings_kinds(self) -> bool:
        """Whether it has definitions of kinds (CRDs) that Helm installs before all else."""
        return any("crds" in PurePosixPath(name).parts[:-1] for name, _ in self._members())

    @property
    def argument(self) -> str:
        """What helm is given, where the `files` are."""
        directory = self.path is not None and self.path.is_dir()
        return DIRECTORY if directory or self.overlay else ARCHIVE

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield names and contents of what helm must have, fetching it if it lacks.

        Raises:
            WhisklabError: it cannot be had, or cannot be changed as it should.
        """
        if self.overlay:
            for name, data in self.overlay.applied(dict(self._members())).items():
                yield f"{DIRECTORY}/{name}", data
        elif self.path is not None and self.path.is_dir():
            for name, data in self._members():
                yield f"{DIRECTORY}/{name}", data
        else:
            yield ARCHIVE, self._archive().read_bytes()

    def _archive(self) -> Path:
        if self.artifact is not None:
            return fetch(self.artifact)
        if self.path is None:
            raise WhisklabError(f"chart {self.title}: it is nowhere")
        return self.path

    def _members(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files of the chart itself, by their path in it."""
        if self.path is not None and self.path.is_dir():
            for path in _files(self.path):
                yield path.relative_to(self.path).as_posix(), path.read_bytes()
        else:
            yield from _unpacked(self._archive())


def chart(wanted: str, version: str | None, catalogue: Catalogue) -> Chart:
    """Return a chart.

    Args:
        wanted: the path of a directory or archive, or a product of the catalogue that has a chart.
        version: of the chart; None takes what is there, or the catalogue's default.
        catalogue: where names are looked up.

    Raises:
        BadInput: there is no such chart, or it has another version.
    """
    path = Path(wanted).expanduser()
    if path.is_dir():
        total = hashlib.sha256()
        for file in _files(path):
            name = file.relative_to(path).as_posix()
            total.update(f"{len(name)} {name} {sha256_of(file)}\n".encode())
        return Chart(_title(wanted, _metadata_of_directory(path), version), total.hexdigest(), path)
    if path.is_file():
        return Chart(_title(wanted, _metadata_of_archive(path), version), sha256_of(path), path)
    if "/" in wanted or wanted.endswith(ARCHIVES):
        remote = "://" in wanted
        raise BadInput(
            f"{wanted}: a chart from elsewhere belongs into {catalogue.path}, with its checksum "
            "locked: name the product here"
            if remote
            else f"{wanted}: no such chart: expected a directory with Chart.yaml, an archive, or "
            f"a product of {catalogue.path}"
        )
    found = catalogue.artifact(wanted, version, ARTIFACT, ANY)
    return Chart(f"{wanted} {found.version}", found.source.sha256, artifact=found)


def _files(directory: Path) -> list[Path]:
    """All files below a directory, in one order; not what Git keeps there."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return sorted(path for path in found if ".git" not in path.relative_to(directory).parts)


def _metadata_of_directory(path: Path) -> Any:  # noqa: ANN401  whatever the YAML says
    try:
        return documents.read((path / "Chart.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadInput(f"{path}: is no chart, its Chart.yaml cannot be read: {error}") from error


def _metadata_of_archive(path: Path) -> Any:  # noqa: ANN401
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                parts = PurePosixPath(member.name).parts
                file = archive.extractfile(member) if parts[1:] == ("Chart.yaml",) else None
                if file is not None:
                    return documents.read(file.read())
    except (OSError, EOFError, tarfile.TarError, yaml.YAMLError) as error:
        raise BadInput(f"{path}: is no chart archive: {error}") from error
    raise BadInput(f"{path}: is no chart archive: it has no Chart.yaml")


def _unpacked(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of the chart in an archive; it may stand deep in a repository's archive."""
    with tarfile.open(path) as archive:
        files = {each.name: each for each in archive if each.isfile()}
        tops = [PurePosixPath(name).parent for name in files if name.endswith("/Chart.yaml")]
        if not tops:
            raise WhisklabError(f"{path}: is no chart archive: it has no Chart.yaml")
        top = min(tops, key=lambda each: len(each.parts))
        for name, member in files.items():
            content = archive.extractfile(member)
            if PurePosixPath(name).is_relative_to(top) and content is not None:
                yield PurePosixPath(name).relative_to(top).as_posix(), content.read()


def _title(wanted: str, metadata: Any, version: str | None) -> str:  # noqa: ANN401
    if not isinstance(metadata, dict) or not metadata.get("name") or not metadata.get("version"):
        raise BadInput(f"{wanted}: is no chart, its Chart.yaml names no name and version")
    found = str(metadata["version"])
    if version not in (None, found):
        raise BadInput(f"{wanted}: is version {found} of the chart, not {version}")
    return f"{metadata['name']} {found}"
