"""What a capability needs from outside: files, charts, images, packages. Nothing is asked.

`whisklab.bundle` makes the contents of a bundle of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory

from whisklab.engine.artifacts.catalogue import Catalogue, opened
from whisklab.engine.data.machine import Machine
from whisklab.engine.helm.release import Release

IMAGES = "images"  # an artifact that is an archive of images, which nodes import


@dataclass(frozen=True)
class Scope:
    """For which machines it is asked; none need be connected.

    Attributes:
        inventory: of the environment, its data validated.
        architectures: of the machines, as Debian says.
    """

    inventory: Inventory
    architectures: tuple[str, ...]

    @property
    def leader(self) -> Host:
        """The first server."""
        found: Host = self.inventory.get_group("masters")[0]
        return found

    @staticmethod
    def catalogue(machine: Host) -> Catalogue:
        """Return the catalogue of a machine. Raises as `catalogue.opened`."""
        data = Machine.of(machine)
        return opened(data.catalogue, data.mirror)


@dataclass(frozen=True)
class Part:
    """A file of the catalogue.

    Attributes:
        catalogue: that has it.
        product: such as k3s.
        version: of it, None for the catalogue's default.
        name: of the artifact.
        architectures: for which it is needed; (ANY,) for what is the same everywhere.
    """

    catalogue: Catalogue
    product: str
    version: str | None
    name: str
    architectures: tuple[str, ...]


@dataclass(frozen=True)
class Rendered:
    """A release whose objects name images.

    Attributes:
        release: its chart is needed too.
        architectures: on which its images run.
        variant: of its values, for sentences; "" for those of the data.
    """

    release: Release
    architectures: tuple[str, ...]
    variant: str = ""

    def __str__(self) -> str:
        """Name it as people do."""
        return f"release {self.release.name}" + (f" ({self.variant})" if self.variant else "")


@dataclass(frozen=True)
class Image:
    """An image that no chart need name.

    Attributes:
        name: of it.
        user: what needs it, for sentences.
        architectures: for which it is needed.
    """

    name: str
    user: str
    architectures: tuple[str, ...]


@dataclass(frozen=True)
class Packages:
    """Packages of the operating system.

    Attributes:
        names: of them, with what they depend on left to who finds it out.
        user: what needs them, for sentences.
    """

    names: tuple[str, ...]
    user: str

    @classmethod
    def of(
        cls, machines: Iterable[Host], names: Callable[[Host], Iterable[str]], user: str
    ) -> Packages:
        """Return those of some machines together.

        Args:
            machines: which.
            names: those of one machine, by the function that its deploy uses.
            user: what needs them.
        """
        return cls(tuple(sorted({name for each in machines for name in names(each)})), user)


@dataclass(frozen=True)
class Needs:
    """What is needed.

    Attributes:
        parts: files of the catalogue.
        rendered: releases.
        images: further ones.
        packages: of the operating system, on machines of whatever system.
        lacking: what is needed as well and cannot be in a bundle yet; sentences without an end.
        helm: the part that renders charts; its architectures do not count.
        kubernetes: the version for which they are rendered, such as v1.36.4.
    """

    parts: Sequence[Part] = ()
    rendered: Sequence[Rendered] = ()
    images: Sequence[Image] = ()
    packages: Sequence[Packages] = ()
    lacking: Sequence[str] = ()
    helm: Part | None = None
    kubernetes: str | None = None


def together(found: Iterable[Needs]) -> Needs:
    """Return the needs of several capabilities. Pure."""
    every = list(found)
    return Needs(
        parts=[part for each in every for part in each.parts],
        rendered=[one for each in every for one in each.rendered],
        images=[image for each in every for image in each.images],
        packages=[one for each in every for one in each.packages],
        lacking=[line for each in every for line in each.lacking],
        helm=next((each.helm for each in every if each.helm), None),
        kubernetes=next((each.kubernetes for each in every if each.kubernetes), None),
    )
