"""A relay for TCP that counts what goes through it, and breaks it off when told."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

PIECE = 65536


class Relay:
    """Leads a port of loopback to another one.

    Attributes:
        port: where it listens.
        up: bytes that went to the server.
        is_closed: whether it lets nobody in now.
    """

    def __init__(self, target: int) -> None:
        self.target, self.up = target, 0
        self._cut_at: int | None = None
        self._closes, self.is_closed = False, False
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, count: int, *, for_good: bool = False) -> None:
        """Break all connections off when so many more bytes went up; let no others in, perhaps."""
        self._cut_at, self._closes = self.up + count, for_good

    def let_in(self) -> None:
        """Let others in again."""
        self.is_closed = False

    def close(self) -> None:
        self._listener.close()
        self._cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                if self.is_closed:
                    ours.close()
                    continue
                try:
                    theirs = socket.create_connection(("127.0.0.1", self.target))
                except OSError:
                    ours.close()
                    continue
                self._open += [ours, theirs]
                for pair in ((ours, theirs, True), (theirs, ours, False)):
                    threading.Thread(target=self._lead, args=pair, daemon=True).start()

    def _lead(self, source: socket.socket, target: socket.socket, upwards: bool) -> None:
        with suppress(OSError):
            while data := source.recv(PIECE):
                if upwards:
                    with self._lock:
                        self.up += len(data)
                target.sendall(data)
                if upwards and self._cut_at is not None and self.up >= self._cut_at:
                    self._cut_at, self.is_closed = None, self._closes
                    self._cut()
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
                each.close()  # else what still comes is taken, and who sends it waits

    def _cut(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()
