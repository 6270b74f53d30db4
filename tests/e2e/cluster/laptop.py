"""A laptop inside a closed network: a namespace with nothing but the way to the lab's SSH ports.

As a program it is one end of that way: `outside DIRECTORY PORT...` takes what comes to a socket of
the directory to that port of this machine's loopback, `inside` what comes to such a port to the
socket.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.cluster.site import Site

# What a laptop has where nobody has installed anything, and what install.py says that it needs.
PROGRAMS = ("cat", "env", "ls", "mkdir", "rm", "tar", "uname")
_READY = "ready"
_KEPT = ("XDG_CACHE_HOME", "XDG_STATE_HOME", "PYINFRA_PROGRESS")  # where the lab's own side is
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1  # netdevice(7)


class Laptop(Site):
    """The directory that install.py has made, in which whisklab runs from its own `.venv`.

    Args:
        outside: the lab's, which hosts are reached by from this machine.
        holder: the process that holds the namespace.
        programs: a directory with PROGRAMS and python3, and nothing else.
    """

    def __init__(self, directory: Path, outside: Site, holder: int, programs: Path) -> None:
        super().__init__(directory, outside.name)
        self.environment = {key: outside.environment[key] for key in _KEPT}
        self._enter = ["nsenter", f"--target={holder}", "--user", "--net", "--preserve-credentials"]
        self._bare = {"PATH": str(programs), "HOME": str(programs.parent)}

    def command(self, argv: Sequence[str]) -> tuple[Sequence[str], dict[str, str]]:
        """In the namespace; of this machine's variables it has the lab's only."""
        variables = [f"{key}={value}" for key, value in (self._bare | self.environment).items()]
        return [*self._enter, "env", "-i", *variables, *argv], dict(os.environ)


@contextmanager
def inside(outside: Site, directory: Path) -> Iterator[Laptop]:
    """A laptop without a network, before whisklab is on it.

    Args:
        outside: the lab's.
        directory: new; its sockets, programs and whisklab go there.
    """
    programs = directory / "bin"
    programs.mkdir(parents=True)
    (programs / "python3").symlink_to(Path(sys.executable).resolve())
    for each in PROGRAMS:
        (programs / each).symlink_to(shutil.which(each) or each)
    ports = sorted({str(each["ssh_port"]) for each in outside.lab["hosts"]})
    with ExitStack() as stack:
        ends = [
            stack.enter_context(_end(*how, str(directory), *ports))
            for how in (["outside"], ["inside"])
        ]
        made = directory / "whisklab"
        made.mkdir()
        yield Laptop(made, outside, ends[-1].pid, programs)


@contextmanager
def _end(side: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-m", "tests.e2e.cluster.laptop", side, *arguments]
    wrapped = ["unshare", "--map-root-user", "--net", *argv] if side == "inside" else argv
    with subprocess.Popen(
        wrapped, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[3],
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdout.readline().strip() == _READY
        try:
            yield process
        finally:
            process.terminate()


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Take bytes both ways until one of the two ends."""
    others = {one: other, other: one}
    with one, other:
        while True:
            for each in select.select(list(others), [], [])[0]:
                data = each.recv(1 << 16)
                if not data:
                    return
                others[each].sendall(data)


def _serve(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    while True:
        client, _ = listener.accept()
        threading.Thread(target=_relay, args=(client, connect()), daemon=True).start()


def _connected(family: int, address: Any) -> socket.socket:
    made = socket.socket(family)
    made.connect(address)
    return made


def _loopback_up() -> None:
    with socket.socket() as made:
        request = bytearray(struct.pack("16sH14x", b"lo", 0))
        fcntl.ioctl(made, _SIOCGIFFLAGS, request)
        (flags,) = struct.unpack_from("H", request, 16)
        struct.pack_into("H", request, 16, flags | _IFF_UP)
        fcntl.ioctl(made, _SIOCSIFFLAGS, request)


def main(side: str, directory: str, *ports: str) -> None:
    """Be one end until stdin ends or a signal comes."""
    if side == "inside":
        _loopback_up()
    for port in ports:
        file, here = f"{directory}/{port}", ("127.0.0.1", int(port))
        if side == "inside":
            listener, family, to = socket.create_server(here), socket.AF_UNIX, file
        else:
            listener, family, to = socket.socket(socket.AF_UNIX), socket.AF_INET, here  # type: ignore[assignment]
            listener.bind(file)
            listener.listen()
        connect = lambda family=family, to=to: _connected(family, to)  # noqa: E731
        threading.Thread(target=_serve, args=(listener, connect), daemon=True).start()
    print(_READY, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
