"""Who the users of wsk are on a host."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand

from whisklab.engine.scripts import script

FIELDS = 3


@dataclass(frozen=True)
class Account:
    """A user: name, primary group, home directory."""

    user: str
    group: str
    home: str


class Accounts(FactBase[list[Account]]):
    """Those of `users` who have an account, in one command."""

    @staticmethod
    def default() -> list[Account]:
        """Nobody."""
        return []

    def command(self, users: list[str]) -> StringCommand:
        """Print one line for each."""
        return script(
            'for user in "$@"; do home=$(getent passwd "$user" | cut -d: -f6); '
            'if test -n "$home"; then echo "$user|$(id -gn "$user")|$home"; fi; done',
            *users,
        )

    def process(self, output: list[str]) -> list[Account]:
        """Split the lines."""
        rows = [line.split("|") for line in output]
        if any(len(row) != FIELDS for row in rows):
            raise FactProcessError(f"unexpected answer about users: {output[:2]}")
        return [Account(*row) for row in rows]
