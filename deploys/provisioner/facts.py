"""Facts of `provisioner`, of the machines that hold volumes and of those that mount them."""

from __future__ import annotations

from pyinfra.api import FactBase
from pyinfra.api.command import StringCommand

from whisklab.engine.scripts import script

# What the kubelet calls a mount of an NFS volume: .../pods/<uid>/volumes/kubernetes.io~nfs/<volume>
MOUNTS = "volumes/kubernetes.io~nfs/"
WITHIN = "3"  # seconds; a server that is away lets who asks wait, for all signals but KILL


class MissingDirectories(FactBase[list[str]]):
    """Those of `paths` that are no directories."""

    @staticmethod
    def default() -> list[str]:
        """None."""
        return []

    def command(self, paths: list[str]) -> StringCommand:
        """Print them."""
        return script('for each; do test -d "$each" || echo "$each"; done', *paths)

    def process(self, output: list[str]) -> list[str]:
        """Take the lines."""
        return output


class Archived(FactBase[list[str]]):
    """Directories below the export at `path` with the data of deleted claims of a namespace.

    They are named by the provisioner: archived-<namespace>-<claim>-<volume>.
    """

    @staticmethod
    def default() -> list[str]:
        """None."""
        return []

    def command(self, path: str, namespace: str) -> StringCommand:
        """Print them."""
        return script(
            'for each in "$1/archived-$2-"*; do if test -d "$each"; then echo "$each"; fi; done',
            path,
            namespace,
        )

    def process(self, output: list[str]) -> list[str]:
        """Take the lines."""
        return output


class StaleMounts(FactBase[list[str]]):
    """Where pods have mounted NFS volumes that cannot be looked at: their directory is gone, or the
    server is another one than before, or away.
    """  # noqa: D205

    @staticmethod
    def default() -> list[str]:
        """None."""
        return []

    def command(self) -> StringCommand:
        """Print the mount points, each once."""
        return script(
            "cut -d ' ' -f 2 /proc/mounts | grep -F -e \"$1\" | sort -u | while read -r each; do "
            'timeout -s KILL "$2" stat -L -t -- "$each" >/dev/null 2>&1 || echo "$each"; done',
            MOUNTS,
            WITHIN,
        )

    def process(self, output: list[str]) -> list[str]:
        """Take the lines."""
        return output
