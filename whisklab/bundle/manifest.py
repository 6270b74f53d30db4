"""The manifest of a bundle: what it is for, what was needed, and what it holds. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whisklab.engine.sentences import fault
from whisklab.errors import BadInput

FORMAT = 2  # since there are packages and laptops; 1 is read as well
FILE: Final = "file"
CHART: Final = "chart"  # of the user's; one of the catalogue is a file
IMAGE: Final = "image"
PACKAGE: Final = "package"  # of the operating system; named with its system
TOOL: Final = "tool"  # whisklab itself
WHEEL: Final = "wheel"  # a Python package that it needs
_WITH_SYSTEMS = 2  # the first format that has them, and laptops
UNKNOWN = "unknown"  # the licence of what does not say it
LARGEST = 64 << 20  # bytes; the images of a whole platform make less than one
Kind = Literal["file", "chart", "image", "package", "tool", "wheel"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Need(_Part):
    """What the environment needs: kind, name and version of an item, and for which machines."""

    kind: Kind
    name: str
    version: str
    architectures: list[str]

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.kind} {titled(self.name, self.version)}"


class Item(_Part):
    """One thing that the bundle holds.

    Attributes:
        kind: of it.
        name: such as k3s/airgap-images, debian-12/nfs-common, or of an image without its tag.
        version: of it, or an image's tag or digest.
        architectures: for which it is, of a wheel the laptops; `all` for what is the same
            everywhere.
        file: its name at its source; "" for an image.
        size: of all its blobs together, in bytes.
        sha256: of its blob; of an image that of its index or only manifest.
        source: where it came from.
        licence: as SPDX calls it, or `unknown`.
        parts: SHA-256 of all its blobs.
        upstream: digest of an image's index at its source, where some of that was left out; the
            index itself is one of the parts. "" where nothing was.
        users: what needs it.
        notes: decisions that were made for it; sentences.
    """

    kind: Kind
    name: str
    version: str
    architectures: list[str]
    file: str
    size: Size
    sha256: Sha256
    source: str
    licence: str
    parts: list[Sha256]
    upstream: str = ""
    users: list[str] = []
    notes: list[str] = []

    @property
    def key(self) -> tuple[str, ...]:
        """What no other item has; a file has one for each architecture."""
        mine = () if self.kind == IMAGE else tuple(self.architectures)
        return (self.kind, self.name, self.version, *mine)

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.kind} {titled(self.name, self.version)}"


class Laptop(_Part):
    """A kind of laptop that runs whisklab from the bundle.

    Attributes:
        python: its minor version.
        platform: such as linux-amd64.
        system: the oldest that its wheels run on, such as glibc 2.28.
    """

    python: str
    platform: str
    system: str

    def __str__(self) -> str:
        """Name it as items do that are for it."""
        return f"python{self.python}-{self.platform}"


class Blob(_Part):
    """Some bytes in the archive, or of an earlier bundle."""

    sha256: Sha256
    size: Size


class Document(_Part):
    """A small file of the archive that is not known by its content."""

    name: str
    sha256: Sha256
    size: Size


class Manifest(_Part):
    """All of it.

    Attributes:
        format: of the bundle.
        made_by: program and version.
        environment: for which it was built.
        architectures: of the machines that it is for.
        systems: of the machines whose packages it has, such as debian-12.
        needs: of the environment.
        laptops: that whisklab can be installed on from it; none where it is not in it.
        items: what the bundle holds.
        blobs: all that its items consist of.
        absent: SHA-256 of the blobs that only the earlier bundle has.
        since: SHA-256 of that one's manifest, "" for a bundle that holds everything.
        documents: further files of the archive.
        lacking: what is needed too and not in it; sentences.
    """

    format: int
    made_by: str
    environment: str
    architectures: list[str]
    laptops: list[Laptop] = []
    systems: list[str] = []
    needs: list[Need]
    items: list[Item]
    blobs: list[Blob]
    absent: list[Sha256] = []
    since: str = ""
    documents: list[Document]
    lacking: list[str] = []

    def text(self) -> bytes:
        """Return it as JSON, always the same for the same content, as the format had it."""
        later = {"systems", "laptops"} if self.format < _WITH_SYSTEMS else set[str]()
        data = self.model_dump(mode="json", exclude=later)
        return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()

    @property
    def present(self) -> list[Blob]:
        """The blobs that the archive itself has, in its order."""
        absent = set(self.absent)
        return [each for each in self.blobs if each.sha256 not in absent]

    @property
    def sizes(self) -> Mapping[str, int]:
        """SHA-256 of each blob to its bytes."""
        return {each.sha256: each.size for each in self.blobs}


def titled(name: str, version: str) -> str:
    """Return name and version as people write them."""
    if version.startswith("sha256:"):
        return f"{name}@{version}"
    return f"{name} {version}".strip()


def read(data: bytes, where: str) -> Manifest:
    """Return a manifest.

    Args:
        data: JSON.
        where: it comes from, for sentences.

    Raises:
        BadInput: it is none, or of a newer format.
    """
    try:
        found = json.loads(data)
        known = found.get("format") if isinstance(found, dict) else None
        if isinstance(known, int) and known > FORMAT:
            raise BadInput(
                f"{where}: has the format {known}, and this whisklab knows up to {FORMAT}: use the "
                "one that built it, or a newer one"
            )
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        raise BadInput(
            f"{where}: is no manifest of a bundle ({fault(error)}): give one that `whisklab bundle "
            "build` has written"
        ) from None
    except (ValueError, RecursionError):
        raise BadInput(
            f"{where}: is no manifest of a bundle: give one that `whisklab bundle build` has "
            "written, or a bundle"
        ) from None


def owners(items: Sequence[Item]) -> dict[str, list[str]]:
    """Return which items each blob belongs to, by its SHA-256. Pure."""
    found: dict[str, list[str]] = {}
    for item in items:
        for part in item.parts:
            found.setdefault(part, []).append(str(item))
    return found
