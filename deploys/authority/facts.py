"""What `authority` asks a host."""

from __future__ import annotations

from pyinfra.api import FactBase
from pyinfra.api.command import StringCommand

from deploys.authority import render
from whisklab.engine.files import script

_LOOK = 'if tr -d "\\n" < "$1" 2>/dev/null | grep -qF -- "$2"; then echo yes; fi'


class Trusted(FactBase[bool]):
    """Whether programs of this host trust an authority."""

    @staticmethod
    def default() -> bool:
        """They do not."""
        return False

    def command(self, certificate: str) -> StringCommand:
        """Look for it in the file that programs read.

        Args:
            certificate: of the authority, PEM.
        """
        return script(_LOOK, render.BUNDLE, render.body(certificate))

    def process(self, output: list[str]) -> bool:
        """One line when it is there."""
        return output == ["yes"]
