"""Containers that are processes on this machine: for tests, nothing else."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from openwhisk_standin.invoker.containers import Container, LogsMissing, NoContainer
from openwhisk_standin.life import rest
from openwhisk_standin.runtimes import END_OF_LOGS

_LOGS_WITHIN = 5.0
_STEP = 0.02


class Processes:
    """Starts the stand-in's own runtimes, by what the image's name says."""

    def __init__(self) -> None:
        """Begin with none."""
        self._room = Path(tempfile.mkdtemp(prefix="openwhisk-standin-"))
        self._count = 0
        self._processes: list[_Process] = []
        atexit.register(self._end)

    def _end(self) -> None:
        for each in self._processes:
            each.remove()

    def clean(self) -> None:
        """Processes end with the invoker: nothing is left."""

    def create(self, title: str, image: str, memory: int, env: Mapping[str, str]) -> Container:  # noqa: ARG002
        """Start a runtime.

        Raises:
            NoContainer: the image is none of the stand-in's.
        """
        role = next((f"runtime-{each}" for each in ("nodejs", "python") if each in image), None)
        if role is None:
            raise NoContainer(f"ErrImagePull: there is no image {image}")
        self._count += 1
        made = _Process(f"{title}-{self._count}", role, self._room, env)
        self._processes.append(made)
        return made


class _Process:
    """A runtime that inherits a listening socket: no port is lost to another meanwhile."""

    def __init__(self, name: str, role: str, room: Path, env: Mapping[str, str]) -> None:
        self.name = name
        self._files = [room / f"{name}.out", room / f"{name}.err"]
        self._read = [0, 0]
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            argv = [sys.executable, "-m", "openwhisk_standin", role]
            with self._files[0].open("wb") as out, self._files[1].open("wb") as err:
                self._process = subprocess.Popen(
                    [*argv, "--socket", str(listening.fileno())],
                    pass_fds=[listening.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env={**os.environ, **env},
                )

    def logs(self) -> list[str]:
        lines: list[str] = []
        for number, stream in enumerate(("stdout", "stderr")):
            waited = 0.0
            while True:
                found, ended = self._stream(number)
                if ended or waited >= _LOGS_WITHIN or rest(_STEP):
                    break
                waited += _STEP
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            lines += [f"{stamp} {stream}: {line}" for line in found]
            if not ended:
                raise LogsMissing(lines)
        return lines

    def _stream(self, number: int) -> tuple[list[str], bool]:
        with self._files[number].open("rb") as written:
            written.seek(self._read[number])
            data = written.read()
        mark = f"{END_OF_LOGS}\n".encode()
        text, end, _ = data.partition(mark)
        if end:
            self._read[number] += len(text) + len(mark)
        return text.decode(errors="replace").splitlines(), bool(end)

    def remove(self) -> None:
        # Nothing of a container outlives it; node asked to end may hang (nodejs/node#54918).
        self._process.kill()
        self._process.wait()
