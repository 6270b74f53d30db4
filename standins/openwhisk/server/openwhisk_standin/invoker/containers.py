"""What the invoker needs of containers, wherever they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

# How long a container may take until it runs, images and scheduling included; shorter than a
# blocking call waits, so that who called learns of it.
STARTS_WITHIN = 50.0


class NoContainer(Exception):
    """A container could not be had; its text says why."""


class LogsMissing(Exception):
    """The end of an activation's logs did not come; ``lines`` is what there is."""

    def __init__(self, lines: list[str]) -> None:
        """Take the lines."""
        super().__init__("the end of the logs did not come")
        self.lines = lines


class Container(Protocol):
    """One container with a runtime in it."""

    @property
    def name(self) -> str:
        """Its name, for the log."""

    @property
    def url(self) -> str:
        """Where its runtime answers."""

    def logs(self) -> list[str]:
        """Return the lines since the last call, up to the end of the activation's.

        Raises:
            LogsMissing: the end did not come in time.
        """

    def remove(self) -> None:
        """Remove it; failing to is said in the log."""


class Containers(Protocol):
    """Where containers come from."""

    def clean(self) -> None:
        """Remove what an earlier process of this invoker left."""

    def create(self, title: str, image: str, memory: int, env: Mapping[str, str]) -> Container:
        """Start a container and wait until it runs.

        Raises:
            NoContainer: it does not, within STARTS_WITHIN.
        """
