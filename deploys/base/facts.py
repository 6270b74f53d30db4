"""What `base` asks a host."""

from __future__ import annotations

from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand

from whisklab.engine.scripts import script

_SYSCTLS = "/proc/sys/"


class LoadableModules(FactBase[list[str]]):
    """Those of `modules` that this kernel has but has not loaded."""

    @staticmethod
    def default() -> list[str]:
        """None of them."""
        return []

    def command(self, modules: list[str]) -> StringCommand:
        """Let modprobe say what it would do: nothing when loaded, built in or not there."""
        return script(
            'for m; do test -d "/sys/module/$m" && continue; '
            'case "$(modprobe -n -v "$m" 2>/dev/null)" in *insmod*) echo "$m";; esac; '
            "done", *modules)  # fmt: skip

    def process(self, output: list[str]) -> list[str]:
        """One name a line."""
        return output


class SysctlValues(FactBase[dict[str, int]]):
    """The values of those `keys` that this kernel has and that are one number."""

    @staticmethod
    def default() -> dict[str, int]:
        """None of them."""
        return {}

    def command(self, keys: list[str]) -> StringCommand:
        """`path:value` lines, by one process for all."""
        paths = (_SYSCTLS + key.replace(".", "/") for key in keys)
        return script('grep -H -s "" -- "$@" || true', *paths)

    def process(self, output: list[str]) -> dict[str, int]:
        """Parse the lines."""
        pairs = (line.removeprefix(_SYSCTLS).rpartition(":") for line in output)
        try:
            return {path.replace("/", "."): int(value) for path, _, value in pairs}
        except ValueError:
            raise FactProcessError(f"unexpected value in /proc/sys: {output}") from None
