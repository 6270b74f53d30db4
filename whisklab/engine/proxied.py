"""The way to a host that ssh_config(5) leads through a command or jump hosts: a socket.

(paramiko's own ProxyCommand reads from pipes in a way that never returns under gevent. pyinfra 3.10
goes to jump hosts by itself: it asks on the terminal about their keys, knows no certificates of
theirs, and forgets that a jump host may have one of its own. OpenSSH does all that.)
"""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import paramiko
import pyinfra.connectors.sshuserclient.client as user_client
from paramiko.config import SSHConfigDict

COMMAND, JUMP, NONE = "proxycommand", "proxyjump", "none"
# Nobody is asked, since hosts connect side by side: of this, and by having no terminal.
_SILENT = {"SSH_ASKPASS_REQUIRE": "never"}


class Way(socket.socket):
    """Our end of a socket; at the other one are stdin and stdout of a command.

    The command ends when the socket is closed, as it reads the end of its stdin. Without such a
    program the socket is at its end at once.

    Attributes:
        told: what it says on stderr, where that is not shown.
    """

    told: Any = None  # a file

    def said(self) -> str:
        """Return the last line that the command has said; empty when it was shown, or nothing."""
        if self.told is None:
            return ""
        self.told.seek(0)
        lines = self.told.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


def connect(command: str) -> Way:
    """Return the way through a ProxyCommand; what it says on stderr is seen.

    Args:
        command: for the user's shell, with the host and port in it.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        subprocess.Popen(  # noqa: S602  ssh_config(5) wants a shell
            f"exec {command}", shell=True, stdin=theirs.fileno(), stdout=theirs.fileno()
        )
    return Way(fileno=ours.detach())


def jump(argv: Sequence[str]) -> Way:
    """Return the way through jump hosts: an ssh that asks nobody, and whose words are kept.

    Raises:
        FileNotFoundError: there is no ssh on this machine.
    """
    ours, theirs = socket.socketpair()
    way = Way(fileno=ours.detach())
    way.told = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the socket
    with theirs:
        subprocess.Popen(
            argv, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=way.told,
            env={**os.environ, **_SILENT}, start_new_session=True,
        )  # fmt: skip
    return way


def through(hops: str, host: str, port: int, config: str | None) -> list[str]:
    """Return the command that OpenSSH itself would run for a ProxyJump. Pure.

    Args:
        hops: as ssh_config(5) has them: `[user@]host[:port]` or `ssh://...`, with commas.
        host: where the last one is to connect to, with its port.
        port: see `host`.
        config: the ssh_config to read, None for the user's and the system's.
    """
    *before, last = [each.strip() for each in hops.split(",")]
    jumps = ("-J", ",".join(before)) if before else ()
    file = ("-F", str(Path(config).expanduser())) if config else ()
    uri = last if last.startswith("ssh://") else f"ssh://{last}"
    where = f"[{host}]:{port}"
    return ["ssh", *file, "-o", "BatchMode=yes", *jumps, "-W", where, "--", uri]


class Config(user_client.SSHConfig):
    """An ssh_config whose ways are `way`'s to find, not pyinfra's."""

    def lookup(self, hostname: str) -> SSHConfigDict:
        """Return all of a host but its way."""
        found: SSHConfigDict = super().lookup(hostname)
        for key in (COMMAND, JUMP):
            found.pop(key, None)
        return found

    def way(self, hostname: str, port: int, user: str | None) -> tuple[str, str] | None:
        """Return COMMAND or JUMP, whichever comes first, with its value; None for a direct way.

        Args:
            hostname: as the inventory has it.
            port: where the host's sshd listens, for the value's tokens.
            user: who logs in, likewise; None for whom the file names.
        """
        file: Any = self  # paramiko's types do not have its _lookup
        found = SSHConfigDict(port=str(port), **({"user": user} if user else {}))  # these hold
        found = file._lookup(hostname, found)
        found.setdefault("hostname", hostname)
        found = file._lookup(hostname, found, final=True)
        key = next((each for each in found if each in (COMMAND, JUMP)), None)
        value = found.get(key) if key else None
        return None if key is None or value in (None, NONE) else (key, str(value))


class Client(user_client.SSHClient):
    """pyinfra's, which gets its way to a host from `Config`.

    Attributes:
        place: address and port of the host, as its key is known by; None before `connect`.
    """

    place: tuple[str, int] | None = None

    def parse_config(
        self,
        hostname: str,
        initial_cfg: dict[str, Any] | None = None,
        ssh_config_file: str | None = None,
        strict_host_key_checking: str | None = None,
    ) -> tuple[Any, ...]:
        """Return what pyinfra finds in the ssh_config, with the way as the `sock` to use.

        Raises:
            SSHException: the way is through jump hosts, and this machine has no ssh.
        """
        stock: Callable[..., tuple[Any, ...]] = super().parse_config
        found = stock(hostname, initial_cfg, ssh_config_file, strict_host_key_checking)
        config = user_client.get_ssh_config(ssh_config_file)
        given = initial_cfg or {}  # wins over the file
        address, port = found[0], int(given.get("port") or found[1]["port"])
        self.place = address, port
        way = config.way(hostname, port, given.get("username")) if config else None
        if way is not None:
            found[1]["sock"] = _opened(way, address, port, ssh_config_file)
        return found


def _opened(way: tuple[str, str], address: str, port: int, config: str | None) -> Way:
    kind, value = way
    if kind == COMMAND:
        return connect(value)
    try:
        return jump(through(value, address, port, config))
    except FileNotFoundError as error:
        raise paramiko.SSHException(
            f"ProxyJump {value} needs OpenSSH's client, and this machine has no ssh"
        ) from error


def said(client: object) -> str:
    """Return what was said on the way of a client that could not connect."""
    way = getattr(client, "_ssh_config", {}).get("sock")
    return way.said() if isinstance(way, Way) else ""
