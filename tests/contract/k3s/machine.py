"""A machine with programs of the tests' own."""

from __future__ import annotations

import re
from pathlib import Path

SERVICE = "whisklab-test"


class Machine:
    """Its programs, what they were called with, and where its files lie."""

    def __init__(self, root: Path) -> None:
        self.root, self.log = root, root / "log"
        self.bin = root / "bin"
        self.bin.mkdir()

    def program(self, name: str, does: str) -> None:
        """Have a program that notes its arguments, then does something."""
        noted = f"""{{ printf '%s' {name}; printf ' [%s]' "$@"; echo; }} >> '{self.log}'"""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{noted}\n{does}\n")
        path.chmod(0o755)

    def called(self, program: str, first: str = "") -> list[list[str]]:
        """Return the arguments of each call of a program, with this first one."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        calls = [re.findall(r"\[(.*?)\]", line) for line in lines if line.startswith(program + " ")]
        return [each for each in calls if each[0].startswith(first)]
