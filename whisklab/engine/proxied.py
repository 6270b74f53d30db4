"""A connection through a ProxyCommand of ssh_config(5): its process at the end of a socket.

(paramiko's own class reads from pipes in a way that never returns under gevent.)
"""

from __future__ import annotations

import socket
import subprocess


def connect(command: str) -> socket.socket:
    """Return a socket whose other end is stdin and stdout of a command.

    The command ends when the socket is closed, as it reads the end of its stdin; what it says on
    stderr is seen. Without such a program the socket is at its end at once.

    Args:
        command: for the user's shell, with the host and port in it.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        subprocess.Popen(  # noqa: S602  ssh_config(5) wants a shell
            f"exec {command}", shell=True, stdin=theirs.fileno(), stdout=theirs.fileno()
        )
    return ours
