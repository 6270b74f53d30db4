"""What `authority` asks a host."""

from __future__ import annotations

from pyinfra.api import FactBase
from pyinfra.api.command import StringCommand

from deploys.authority import render
from whisklab.engine.scripts import script

# An authority that was there before ours is forgotten only when the file is made anew.
_LOOK = """
file=$1 source=$2; shift 2; all=yes
test ! "$source" -nt "$file" || all=
for body; do tr -d "\\n" < "$file" 2>/dev/null | grep -qF -- "$body" || all=; done
if test -n "$all"; then echo yes; fi
"""


class Trusted(FactBase[bool]):
    """Whether programs of this host trust an authority, and none that was in its place before."""

    @staticmethod
    def default() -> bool:
        """They do not."""
        return False

    def command(self, certificate: str) -> StringCommand:
        """Look for it in the file that programs read.

        Args:
            certificate: of the authority, PEM; all of them, where there are several.
        """
        return script(_LOOK, render.BUNDLE, render.CERTIFICATE, *render.bodies(certificate))

    def process(self, output: list[str]) -> bool:
        """One line when it is there."""
        return output == ["yes"]
