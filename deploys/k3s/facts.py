"""Facts of `k3s`."""

from __future__ import annotations

from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand

from whisklab.engine.artifacts import DIGEST
from whisklab.engine.files import script


class OtherVersion(FactBase[str | None]):
    """The version of the k3s at `path`; None when there is none, or when it is the wanted file.

    The wanted one is known by its checksum, so the binary, whose start takes a while, is run just
    before an upgrade.
    """

    momentary = True  # it runs what is at the path: nothing to ask because a file says so

    def command(self, path: str, sha256: str) -> StringCommand:
        """Print the first line of `k3s --version` of another file."""
        return script(
            f'test -x "$1" || exit 0; test "$({DIGEST} "$1")" = "$2" || "$1" --version | head -n 1',
            path,
            sha256,
        )

    def process(self, output: list[str]) -> str:
        """Take the version from `k3s version VERSION (...)`."""
        words = output[0].split()
        if words[:2] != ["k3s", "version"] or len(words) < 3:  # noqa: PLR2004
            raise FactProcessError(f"unexpected answer of k3s --version: {output[0]}")
        return words[2]
