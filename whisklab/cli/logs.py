"""Files of what programs print in a run: for when it fails. The last ten are kept."""

from __future__ import annotations

import io
import os
import threading
import time

from whisklab.paths import state_dir

_KEPT = 10


class Log(io.TextIOBase):
    """The log of one run; other programs' output can be redirected to it, too."""

    def __init__(self, name: str) -> None:
        """Begin a log, and remove the oldest ones.

        Args:
            name: what is run, such as `make-lab`.
        """
        directory = state_dir() / "logs"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        began = time.strftime("%Y-%m-%d-%H%M%S")
        self.path = directory / f"{began}-{name}-{os.getpid()}.log"
        self._began = time.monotonic()
        self._turn = threading.Lock()
        self._file = self.path.open("w", encoding="utf-8", errors="replace", buffering=1)
        for old in sorted(directory.glob("*.log"))[:-_KEPT]:
            old.unlink(missing_ok=True)  # another run may do the same now

    def line(self, text: str) -> None:
        """Add a line, with the seconds since the beginning."""
        seconds = time.monotonic() - self._began
        with self._turn:
            self._file.write(f"{seconds:8.1f}  {text}\n")

    def write(self, text: str, /) -> int:
        """Add what a program prints, as it is."""
        with self._turn:
            return self._file.write(text)

    def writable(self) -> bool:
        """It is."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
