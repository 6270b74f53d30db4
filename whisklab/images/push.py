"""Images into a registry: what it lacks, in the order of the source, and the manifests last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from whisklab.errors import WhisklabError
from whisklab.images import content, remembered
from whisklab.images.client import Registry
from whisklab.images.image import Image
from whisklab.images.manifests import Descriptor, Index, Manifest
from whisklab.images.names import Reference
from whisklab.images.sources import Source
from whisklab.images.uploads import Upload

MB = 1_000_000


@dataclass(frozen=True)
class Pushed:
    """What became of an image.

    Attributes:
        name: under which it is in the registry.
        digest: of its manifest or index.
        sent: bytes of configurations and layers that were sent.
        skipped: bytes of them that the registry had.
    """

    name: str
    digest: str
    sent: int
    skipped: int


@dataclass(frozen=True)
class Push:
    """Pushing the images of a source.

    Attributes:
        registry: where they go.
        source: where they come from.
        uploads: the directory in which uploads that were cut are remembered.
        report: hears of the progress, as lines.
        elsewhere: digest to the repositories that may have a blob, too: from there the registry
            takes it itself.
    """

    registry: Registry
    source: Source
    uploads: Path
    report: Callable[[str], None]
    elsewhere: Mapping[str, Sequence[str]] = field(default_factory=lambda: MappingProxyType({}))

    def lacking(self, targets: Sequence[tuple[Image, Reference]]) -> int:
        """Return how many bytes the registry lacks of images.

        Raises:
            WhisklabError: the source lacks some of them, too, a line for each image; or as
                `Registry.ask`.
        """
        blobs: dict[str, int] = {}
        wrong: list[str] = []
        for image, name in targets:
            missing = [
                each
                for each in self._missing(image, name.repository)
                if not self._origin(each, name.repository)
            ]
            nowhere = [each for each in missing if not self.source.has(image.files[each.digest])]
            if nowhere:
                more = f" and {len(nowhere) - 1} more" if len(nowhere) > 1 else ""
                wrong.append(
                    f"{name}: its layer {nowhere[0].digest}{more} is neither in "
                    f"{self.source.label} nor in the registry: bring the source first that has it, "
                    "such as the bundle that this one continues"
                )
            blobs |= {each.digest: each.size for each in missing}
        if wrong:
            raise WhisklabError("\n".join(wrong))
        return sum(blobs.values())

    def run(self, targets: Sequence[tuple[Image, Reference]]) -> list[Pushed]:
        """Have images in the registry.

        Raises:
            WhisklabError: the registry refuses something, or cannot be reached.
        """
        remembered.tidy(self.uploads)
        return [self._push(image, name) for image, name in targets]

    def _push(self, image: Image, name: Reference) -> Pushed:
        missing = self._missing(image, name.repository)
        whole = sum(each.size for each in image.blobs)
        skipped = whole - sum(each.size for each in missing)
        sent = 0
        for there in {blob.digest for blob in image.blobs} - {blob.digest for blob in missing}:
            remembered.forget(self.uploads, self._where(name), there)
        for number, each in enumerate(missing, 1):
            if self._taken_over(each, name.repository):
                skipped += each.size
                continue
            done = self._upload(image, name, each, f"{number} of {len(missing)}")
            sent += done.sent
            skipped += done.resumed
        for manifest in image.manifests:
            if manifest.digest != image.top.digest:
                self._put(name.repository, manifest, manifest.digest)
        self._put(name.repository, image.top, name.tag)
        return Pushed(str(name), image.top.digest, sent, skipped)

    def _put(self, repository: str, found: Manifest | Index, reference: str) -> None:
        if content.meaning(self.registry, repository, reference) != found.digest:
            content.put(self.registry, repository, found, reference)

    def _origin(self, blob: Descriptor, repository: str) -> str | None:
        """Return another repository that has a blob, None for none."""
        others = (each for each in self.elsewhere.get(blob.digest, ()) if each != repository)
        has = (each for each in others if content.has_blob(self.registry, each, blob.digest))
        return next(has, None)

    def _taken_over(self, blob: Descriptor, repository: str) -> bool:
        origin = self._origin(blob, repository)
        return origin is not None and content.mount(self.registry, repository, blob.digest, origin)

    def _where(self, name: Reference) -> str:
        # An upload's address is for no other registry, should the environment get one.
        return f"{self.registry.access.url}{self.registry.path(name.repository)}"

    def _missing(self, image: Image, repository: str) -> list[Descriptor]:
        blobs = sorted(image.blobs, key=lambda each: self.source.place(image.files[each.digest]))
        return [
            each for each in blobs if not content.has_blob(self.registry, repository, each.digest)
        ]

    def _upload(self, image: Image, name: Reference, blob: Descriptor, count: str) -> Upload:
        file = image.files[blob.digest]
        what = f"{name}: {blob.digest[7:19]} ({count})"

        def report(there: int) -> None:
            self.report(f"{what}: {there / MB:.1f} of {blob.size / MB:.1f} MB")

        with remembered.place(self.uploads, self._where(name), blob.digest) as place:
            upload = Upload(
                self.registry, name.repository, blob.digest, blob.size,
                lambda offset: self.source.read(file, offset), place, report,
            )  # fmt: skip
            upload.run()
        return upload
