"""Facts of which a host is asked many by one command: to start a program takes longer than to look.

(On the lab's storage host, which has a kernel of its own, a program takes 5 ms of processor time.)
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pyinfra.api import FactBase
from pyinfra.api.command import StringCommand

T = TypeVar("T")
Arguments = Mapping[str, Any]  # of one fact, by name


class Many(FactBase[T]):
    """A fact with a command for many of its kind, beside the one for one."""

    @classmethod
    @abstractmethod
    def together(cls, each: Sequence[Arguments]) -> StringCommand:
        """Return the command that answers for all of them.

        It must fail where it cannot answer for one of them; then each is asked by itself.
        """

    @classmethod
    @abstractmethod
    def apart(cls, output: list[str], each: Sequence[Arguments]) -> list[list[str]]:
        """Return what `process` is given, for each of them; nothing for what is not there.

        Raises:
            FactProcessError: what was printed is no answer.
        """
