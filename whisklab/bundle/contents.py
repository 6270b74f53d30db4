"""What a bundle of an environment must hold, derived from its settings, catalogue and charts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from whisklab.bundle import archived, packages
from whisklab.bundle.manifest import CHART, FILE, IMAGE, Need
from whisklab.bundle.names import ImageName, parse
from whisklab.bundle.pulling import Wanted
from whisklab.bundle.references import Doubt, search
from whisklab.bundle.rendering import Renderer
from whisklab.bundle.tooling import Tool
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.artifacts.downloads import Report
from whisklab.engine.artifacts.entries import ANY, Artifact
from whisklab.engine.artifacts.fetching import fetch
from whisklab.engine.helm.charts import ARTIFACT, Chart
from whisklab.engine.needs.needed import IMAGES, Needs, Part
from whisklab.errors import BadInput, WhisklabError

# What a closed network needs as well, and what no bundle has yet.
_SYSTEM = (
    "packages of the operating system that a deploy installs, such as nfs-common: say which "
    "systems the machines have when you build it (--system debian-12); else the machines must have "
    "the packages, or a mirror of their distribution"
)
_SHOWN = 20  # doubts; who has more mends one chart first


@dataclass(frozen=True)
class File:
    """A file of the catalogue, for one architecture."""

    catalogue: Catalogue
    artifact: Artifact
    name: str
    architecture: str

    @property
    def need(self) -> Need:
        """What the manifest says of it."""
        named = f"{self.artifact.product}/{self.name}"
        return Need(
            kind=FILE,
            name=named,
            version=self.artifact.version,
            architectures=[self.architecture],
        )


@dataclass(frozen=True)
class OwnChart:
    """A chart of the user's, a directory or archive on the laptop."""

    chart: Chart
    name: str

    @property
    def need(self) -> Need:
        """What the manifest says of it."""
        version = self.chart.title.rpartition(" ")[2]
        return Need(kind=CHART, name=self.name, version=version, architectures=[ANY])


@dataclass(frozen=True)
class Contents:
    """What a bundle must hold.

    Attributes:
        files: of the catalogue.
        charts: of the user's.
        images: of all that runs in the cluster, but those in archives of the catalogue.
        lacking: what is needed too and no bundle has; sentences.
        packages: of the operating system, whose needs the lock of packages tells.
        tool: whisklab itself, for laptops.
    """

    files: Sequence[File]
    charts: Sequence[OwnChart]
    images: Sequence[Wanted]
    lacking: Sequence[str]
    packages: Sequence[packages.Wanted] = ()
    tool: Tool = field(default_factory=Tool)

    @property
    def needs(self) -> list[Need]:
        """All of it but packages, as the manifest says it."""
        images = [
            Need(
                kind=IMAGE,
                name=f"{each.name.registry}/{each.name.repository}",
                version=version(each.name),
                architectures=sorted(each.architectures),
            )
            for each in self.images
        ]
        return [
            *(each.need for each in self.files),
            *(each.need for each in self.charts),
            *images,
            *self.tool.needs,
        ]


def version(name: ImageName) -> str:
    """Return what the manifest calls the version of an image."""
    return f"{name.tag}@{name.digest}" if name.tag and name.digest else name.reference


@dataclass
class _Images:
    """Images by their names, with all that need them."""

    users: dict[ImageName, list[str]] = field(default_factory=dict)
    architectures: dict[ImageName, set[str]] = field(default_factory=dict)

    def add(self, name: ImageName, user: str, architectures: Iterable[str]) -> None:
        self.users.setdefault(name, []).append(user)
        self.architectures.setdefault(name, set()).update(architectures)

    def wanted(self) -> list[Wanted]:
        return [
            Wanted(name, tuple(sorted(self.architectures[name])), tuple(dict.fromkeys(users)))
            for name, users in sorted(self.users.items())
        ]


def contents(
    needs: Needs, further: Collection[str], ignored: Collection[str],
    architectures: Sequence[str], systems: Sequence[str], report: Report,
) -> Contents:  # fmt: skip
    """Return what a bundle must hold.

    Args:
        needs: of all capabilities.
        further: images that the data name.
        ignored: texts in charts that are no images.
        architectures: of the machines.
        systems: of the machines whose packages it is to have.
        report: hears of what is fetched for it.

    Raises:
        BadInput: the catalogue lacks something, a chart does not render, or has texts that look
            like images and were not understood; a line for each.
        WhisklabError: a chart or a checksum cannot be had.
    """
    images, renderer, doubts = _Images(), Renderer(needs, report), list[Doubt]()
    charts: dict[str, OwnChart] = {}
    parts = list(needs.parts)
    for each in needs.rendered:
        chart = each.release.wanted_chart
        if chart.artifact is None:
            charts[each.release.name] = OwnChart(chart, each.release.name)
        report(f"{each}: looking for images in its objects")
        found, unsure = search(renderer.objects(each.release), ignored)
        for one in found:
            images.add(one.image, f"{each}: {one.where}", each.architectures)
        doubts += [Doubt(one.text, f"{each}: {one.where}") for one in unsure]
    for image in needs.images:
        images.add(parse(image.name, image.user), image.user, image.architectures)
    for text in further:
        images.add(parse(text, "bundle_images"), "bundle_images", architectures)
    known = {str(each) for each in images.users}
    _require_understood([each for each in doubts if each.text not in known])
    files = [*_files(parts), *_charts(needs)]
    archives = [
        (each.architecture, archived.names(fetch(each.artifact, report)))
        for each in files
        if each.name == IMAGES
    ]
    return Contents(
        sorted(files, key=lambda each: (each.need.name, each.need.version, each.architecture)),
        [charts[name] for name in sorted(charts)],
        archived.lacking(images.wanted(), archives),
        [*([] if systems else [_SYSTEM]), *dict.fromkeys(needs.lacking)],
        packages=packages.wanted(needs.packages, systems, architectures),
    )


def _require_understood(doubts: Sequence[Doubt]) -> None:
    lines = {each.text: each.where for each in reversed(doubts)}
    if not lines:
        return
    shown = [
        f"{where}: {text!r} looks like an image and was not understood: put the image into "
        "bundle_images, or the text into bundle_ignored if it is none"
        for text, where in sorted(lines.items())[:_SHOWN]
    ]
    more = len(lines) - len(shown)
    raise BadInput("\n".join([*shown, *([f"and {more} more"] if more else [])]))


def _files(parts: Iterable[Part]) -> list[File]:
    """Return the files of parts, each once; what no upstream has is told of all together."""
    found: dict[tuple[str, ...], File] = {}
    wrong: list[WhisklabError] = []
    for part in parts:
        for architecture in part.architectures:
            try:
                artifact = part.catalogue.artifact(
                    part.product, part.version, part.name, architecture
                )
            except WhisklabError as error:
                wrong.append(error)
                continue
            key = (part.product, artifact.version, part.name, architecture, artifact.source.sha256)
            found.setdefault(key, File(part.catalogue, artifact, part.name, architecture))
    if wrong:
        kind = type(wrong[0]) if len({type(each) for each in wrong}) == 1 else WhisklabError
        raise kind("\n".join(dict.fromkeys(map(str, wrong))))
    return list(found.values())


def _charts(needs: Needs) -> list[File]:
    """Return the charts of the catalogue that are rendered."""
    catalogue = needs.helm.catalogue if needs.helm else None
    artifacts = {
        each.release.wanted_chart.artifact for each in needs.rendered
    } - {None}  # fmt: skip
    return [File(catalogue, each, ARTIFACT, ANY) for each in artifacts if each and catalogue]
