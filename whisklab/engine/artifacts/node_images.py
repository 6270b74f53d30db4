"""The images that nodes are given themselves, as no registry has them: an environment's list.

`whisklab bundle upload` writes it beside the inventory, and deploys read it. The archives, one for
each image and architecture, lie in the laptop's cache.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whisklab.engine.artifacts.entries import BUNDLE, Artifact, Digest, Source
from whisklab.engine.sentences import fault
from whisklab.errors import BadInput, WhisklabError

# k3s imports what ends so; the layers in it are packed already (`fetching.COMPRESSED`).
ENDING = ".oci.tar"
_LETTERS = 12  # of a digest in a file's name


class Archive(BaseModel):
    """An archive in the laptop's cache: its SHA-256 and bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    sha256: Digest
    size: int


class NodeImage(BaseModel):
    """An image.

    Attributes:
        name: as containerd calls it, such as docker.io/library/busybox:1.36.
        digest: of its index or only manifest.
        archives: of it, by architecture.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    archives: dict[str, Archive]

    @property
    def repository(self) -> str:
        """Its name without the tag."""
        return self.name.rpartition(":")[0]

    @property
    def by_digest(self) -> str:
        """The name under which pods find it that name its digest."""
        return f"{self.repository}@{self.digest}"

    @property
    def file(self) -> str:
        """The name of its archive on nodes: the next one of this name takes its place."""
        known = hashlib.sha256(self.name.encode()).hexdigest()[:_LETTERS]
        return f"whisklab-{self.repository.rpartition('/')[2]}-{known}{ENDING}"

    def artifact(self, architecture: str) -> Artifact:
        """Return its archive for an architecture.

        Raises:
            BadInput: there is none.
        """
        if architecture not in self.archives:
            raise BadInput(
                f"{self.name}: the uploaded bundle has it for {', '.join(sorted(self.archives))} "
                f"only, and there are machines of {architecture}: build it with --arch, and upload"
            )
        source = Source(url=f"{BUNDLE}{self.file}", sha256=self.archives[architecture].sha256)
        repository, _, tag = self.name.rpartition(":")
        return Artifact(product=repository, version=tag, source=source)


class NodeImages(BaseModel):
    """The list.

    Attributes:
        images: that nodes are to have, by name.
        gone: names of files of images that they need no more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    images: list[NodeImage] = []
    gone: list[str] = []

    def having(self, name: str) -> NodeImage | None:
        """Return the image of a name, None for none."""
        return next((each for each in self.images if each.name == name), None)

    def changed(self, images: list[NodeImage]) -> NodeImages:
        """Return the list with just these images; files of others are gone."""
        files = {each.file for each in images}
        gone = {*self.gone, *(each.file for each in self.images)} - files
        return NodeImages(images=sorted(images, key=lambda each: each.name), gone=sorted(gone))


def read(path: Path) -> NodeImages:
    """Return a list; an empty one where there is no such file.

    Raises:
        BadInput: it is none.
    """
    try:
        return NodeImages.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return NodeImages()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise BadInput(
            f"{path}: is no list of images ({fault(error)}): put it back, or remove it and upload "
            "the bundle again"
        ) from error


def write(path: Path, images: NodeImages) -> None:
    """Write a list, whole or not at all; nothing where it says this already.

    Raises:
        WhisklabError: it cannot be written.
    """
    text = images.model_dump_json(indent=1) + "\n"
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if path.is_file() and path.read_text() == text:
            return
        part.write_text(text)
        part.replace(path)
    except OSError as error:
        raise WhisklabError(
            f"{path}: cannot be written ({error.strerror}): make it yours, or make room there"
        ) from error
    finally:
        part.unlink(missing_ok=True)
