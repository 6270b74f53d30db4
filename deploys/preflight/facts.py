"""What preflight asks a host."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand

from whisklab.engine.files import script


@dataclass(frozen=True)
class Listener:
    """A process that listens on a TCP port, and the systemd unit it belongs to ("" for none)."""

    port: int
    pid: int
    command: str
    unit: str


class Listeners(FactBase[list[Listener]]):
    """Who listens on the TCP `ports`."""

    @staticmethod
    def default() -> list[Listener]:
        """Nobody listens."""
        return []

    def command(self, ports: list[int]) -> StringCommand:
        """`port pid command unit` lines, from ss and /proc; needs root to see all processes."""
        return script(
            'for port; do for pid in $(ss -Hltnp "sport = :$port" | grep -o "pid=[0-9]*" '
            "| cut -d= -f2 | sort -u); do "
            'unit=$(sed -n "s|.*/\\([^/]*\\.service\\).*|\\1|p" "/proc/$pid/cgroup" | head -n 1); '
            'echo "$port $pid $(cat "/proc/$pid/comm") ${unit:--}"; done; done',
            *map(str, ports),
        )

    def process(self, output: list[str]) -> list[Listener]:
        """Parse the lines."""
        try:
            rows = [line.split() for line in output]
            return [
                Listener(int(row[0]), int(row[1]), " ".join(row[2:-1]), row[-1].strip("-"))
                for row in rows
            ]
        except (ValueError, IndexError) as error:
            raise FactProcessError(f"unexpected answer of ss: {output[:2]}") from error
