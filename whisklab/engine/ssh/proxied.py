"""The way to a host that ssh_config(5) leads through a command or jump hosts: a socket.

(paramiko's own ProxyCommand reads from pipes in a way that never returns under gevent. pyinfra 3.10
goes to jump hosts by itself: it asks on the terminal about their keys, knows no certificates of
theirs, and forgets that a jump host may have one of its own. OpenSSH does all that.)
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import paramiko
import pyinfra.connectors.sshuserclient.client as user_client
from paramiko.config import SSH_PORT, SSHConfigDict

from whisklab.engine import runs
from whisklab.errors import BadInput

COMMAND, JUMP, NONE = "proxycommand", "proxyjump", "none"
WITHIN = 60.0  # seconds for all hosts on a way, their logins and our own
EACH_WITHIN = 15  # seconds for a connection on it
# Nobody is asked, since hosts connect side by side: by this, and by having no terminal.
SILENT = {"SSH_ASKPASS_REQUIRE": "never"}
# Of what ssh says in the end only some lines are the reason.
_REASON = re.compile(
    r"open failed|verification failed|Permission denied|connect to host|resolve hostname|timed out"
)
RSA = "ssh-rsa"  # a kind of key; its signatures have other names
_RSA_SIGNATURES = {"rsa-sha2-512", "rsa-sha2-256", RSA}


class Way(socket.socket):
    """Our end of a socket; at the other one are stdin and stdout of a command.

    The command ends when the socket is closed, as it reads the end of its stdin. Without such a
    program the socket is at its end at once.

    Attributes:
        told: what it says on stderr, where that is not shown.
    """

    told: Any = None  # a file

    def said(self) -> str:
        """Return why the command could not go on; empty when that was shown, or not said."""
        if self.told is None or self.told.closed:
            return ""
        self.told.seek(0)
        return reason(self.told.read().decode(errors="replace").splitlines())


def reason(lines: Iterable[str]) -> str:
    """Return the line of ssh's words that tells why it ended; empty when none does. Pure."""
    told = (line.strip().rstrip(".") for line in lines)
    return next((line for line in told if _REASON.search(line)), "")


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
            env={**os.environ, **SILENT}, start_new_session=True,
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
    limits = ("-o", "BatchMode=yes", "-o", f"ConnectTimeout={EACH_WITHIN}")
    uri = last if last.startswith("ssh://") else f"ssh://{last}"
    return ["ssh", *file, *limits, *jumps, "-W", f"[{host}]:{port}", "--", uri]


class Config(user_client.SSHConfig):
    """An ssh_config whose ways are `way`'s to find, not pyinfra's."""

    def lookup(self, hostname: str) -> SSHConfigDict:
        """Return all of a host but its way; its name as known_hosts has it, in lower case."""
        found: SSHConfigDict = super().lookup(hostname)
        for key in (COMMAND, JUMP):
            found.pop(key, None)
        found["hostname"] = found["hostname"].lower()
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


@dataclass(frozen=True)
class Route:
    """Where a host is, and what leads there.

    Attributes:
        address: as its key is known by, with `port`.
        port: of its sshd.
        way: COMMAND or JUMP and its value; None for a direct one.
        known_hosts: files in which its key is looked for.
    """

    address: str
    port: int
    way: tuple[str, str] | None = None
    known_hosts: tuple[str, ...] = ("~/.ssh/known_hosts",)

    @property
    def known_as(self) -> str:
        """Its name in a known_hosts file."""
        return self.address if self.port == SSH_PORT else f"[{self.address}]:{self.port}"


class _Read(dict[str | None, "Config | None"]):
    """What a run has read, by path."""


def read(file: str | None) -> Config | None:
    """Return the ssh_config of this run, None where there is none.

    Args:
        file: its path, None for the user's.
    """
    run = runs.if_any()
    known = _Read() if run is None else run.part(_Read)
    if file not in known:
        known[file] = _parsed(file)
    return known[file]


def _parsed(file: str | None) -> Config | None:
    path = Path(file or "~/.ssh/config").expanduser()
    if not path.exists():
        return None
    config: Any = Config()
    with path.open(encoding="utf-8") as text:
        config.parse(text)
    return cast("Config", config)


def route(hostname: str, port: int | None, user: str | None, file: str | None) -> Route:
    """Return where the ssh_config leads; that of the system is not read, as paramiko does not.

    Args:
        hostname: as the inventory has it.
        port: likewise, None for the file's.
        user: likewise.
        file: the ssh_config, None for the user's.

    Raises:
        BadInput: it has something that paramiko does not understand.
    """
    try:
        config = read(file)
        if config is None:
            return Route(hostname.lower(), port or SSH_PORT)
        found = config.lookup(hostname)
        number = port or int(found.get("port", SSH_PORT))
        known = str(found.get("userknownhostsfile", "~/.ssh/known_hosts")).split()
        return Route(found["hostname"], number, config.way(hostname, number, user), tuple(known))
    except (ValueError, LookupError, OSError, paramiko.SSHException) as error:
        raise BadInput(
            f"{file or '~/.ssh/config'}: runs cannot read what it says of {hostname} ({error!r}): "
            "mend it, or set ssh_config_file to another file"
        ) from error


class Client(user_client.SSHClient):
    """pyinfra's, which gets its way to a host from `route`.

    Attributes:
        route: of the host; None before `connect`.
    """

    route: Route | None = None
    _way: Way | None = None

    def connect(self, hostname: str, **given: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        """Connect as pyinfra does; arguments and errors are its and paramiko's.

        Raises:
            SSHException: the way is through jump hosts, and this machine has no ssh.
            BadInput: the ssh_config cannot be read.
        """
        if file := given.get("_pyinfra_ssh_config_file"):
            given["_pyinfra_ssh_config_file"] = file = str(Path(file).expanduser())
        found = route(hostname, given.get("port"), given.get("username"), file)
        self.route, self._way = found, _opened(found, file)
        if self._way is not None:
            within = max(given.get("timeout") or 0, WITHIN)
            given |= {"sock": self._way, "timeout": within, "banner_timeout": within}
        if read(file) is None:
            hostname = found.address
        stock: Callable[..., None] = super().connect
        try:
            stock(hostname, **given, disabled_algorithms={"keys": self._unwanted(found, given)})
        except Exception:
            if self._way is not None:
                self._way.close()  # else its command stays
            raise

    def said(self) -> str:
        """Return what was said on the way."""
        return self._way.said() if self._way is not None else ""

    @staticmethod
    def _unwanted(found: Route, given: dict[str, Any]) -> list[str]:
        file = given.get("_pyinfra_ssh_known_hosts_file")
        files = (file,) if file else found.known_hosts
        keys: paramiko.HostKeys = user_client.get_host_keys(tuple(map(os.path.expanduser, files)))
        known = keys.lookup(found.known_as)
        return unwanted(known.keys() if known else [])


def unwanted(kinds: Iterable[str]) -> list[str]:
    """Return the algorithms of host keys to leave out where these kinds are known. Pure.

    Of a host that is known by RSA alone paramiko puts `ssh-rsa` first, which no sshd offers any
    more; then one of another kind would be shown, and taken for another machine's.
    """
    if set(kinds) != {RSA}:
        return []
    transport: Any = paramiko.Transport
    return [each for each in transport._preferred_keys if each not in _RSA_SIGNATURES]


def _opened(found: Route, config: str | None) -> Way | None:
    if found.way is None:
        return None
    kind, value = found.way
    if kind == COMMAND:
        return connect(value)
    try:
        return jump(through(value, found.address, found.port, config))
    except FileNotFoundError as error:
        raise paramiko.SSHException(
            f"ProxyJump {value} needs OpenSSH's client, and this machine has no ssh"
        ) from error
