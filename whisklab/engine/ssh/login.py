"""The login of a host, as its commands need it: a shell there, sudo, and its password."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import paramiko
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.connectors.util import CommandOutput, make_unix_command_for_host

from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.ssh import alive, refusals
from whisklab.engine.ssh.shell import Ended, Shell
from whisklab.errors import WhisklabError

SUDO_PASSWORD = "sudo_password"  # noqa: S105  the secret's file name
CHANNEL_ARGUMENTS = ("_get_pty", "_timeout", "_stdin", "_success_exit_codes")
# -k: always ask, so that the first line of stdin is read by sudo and by nobody else.
ASKING_SUDO = ("sudo", "-H", "-k", "-S", "-p", "''")


@dataclass
class Login:
    """A login, and what it turned out to need.

    Attributes:
        host: its name in the inventory.
        user: who logs in.
        sudo: whether commands are run as root by sudo.
        store: the environment's, where a sudo password may be.
        password: for sudo, once it asked for one.
        mark: what shall be printed where answers begin, if the login itself prints something.
    """

    host: str
    user: str
    sudo: bool
    store: SecretStore | None
    password: str | None = None
    mark: str | None = None

    def shell(self, transport: paramiko.Transport) -> Shell:
        """Start a shell that has the rights of the run's commands.

        Raises:
            ConnectError: one sentence with the remedy.
            Lost: the connection is gone.
        """
        word = secrets.token_hex(8)
        try:
            shell, output = self._started(transport, word)
        except Ended as ended:
            if ended.lost:
                raise alive.Lost(self.host) from ended
            said = ended.output
            if not any(line.endswith(word) for line in said.stdout_lines):
                lines = said.output_lines
                raise ConnectError(refusals.no_shell(self.host, self.user, lines)) from ended
            if not self.sudo or self.password is not None:
                raise ConnectError(refusals.no_sh(self.host, said.stderr_lines)) from ended
            self.password = self._known_password(transport, said.stderr_lines)
            return self.shell(transport)
        if output.stdout_lines != [word] or output.stderr_lines:
            self.mark = word
        return shell

    def _started(self, transport: paramiko.Transport, word: str) -> tuple[Shell, CommandOutput]:
        channel = transport.open_session()
        channel.exec_command(" ".join(("echo", word, "&&", "exec", *self._as_root(), "sh")))
        shell = Shell(channel)
        return shell, shell.greet(self.password)

    def _as_root(self) -> tuple[str, ...]:
        if not self.sudo:
            return ()
        return ("sudo", "-H", "-n") if self.password is None else ASKING_SUDO

    def _known_password(self, transport: paramiko.Transport, said: list[str]) -> str:
        try:
            password = self.store.read(SUDO_PASSWORD) if self.store else None
        except WhisklabError as error:
            raise ConnectError(f"sudo on {self.host} asks for a password: {error}") from error
        where = str(self.store.path(SUDO_PASSWORD)) if self.store else SUDO_PASSWORD
        if password is None:
            raise ConnectError(refusals.no_sudo(self.host, self.user, said, where))
        # A refused one is asked for again, on a stdin that does not end.
        channel = transport.open_session()
        channel.exec_command(" ".join((*ASKING_SUDO, "true")))
        channel.sendall(f"{password}\n".encode())
        channel.shutdown_write()
        if channel.recv_exit_status() != 0:
            raise ConnectError(
                f"sudo on {self.host} refuses the password of {self.user} in {where}"
            )
        return password


def sudo_on_stdin(
    host: Host, command: StringCommand, arguments: dict[str, Any], password: str
) -> tuple[StringCommand, dict[str, Any]]:
    """Return a command and its arguments so that sudo reads its password where nobody sees it.

    Args:
        host: that gets the command.
        command: what is run by sudo.
        arguments: pyinfra's, of the connector.
        password: sudo's, which goes before what the command reads.
    """
    channel = {key: value for key, value in arguments.items() if key in CHANNEL_ARGUMENTS}
    ours = {*CHANNEL_ARGUMENTS, "_sudo", "_sudo_user"}
    rest = {key: value for key, value in arguments.items() if key not in ours}
    inner = make_unix_command_for_host(host.state, host, command, **rest)
    user = arguments.get("_sudo_user")
    as_user = ("-u", QuoteString(user)) if user else ()
    lines = [password, *_lines(channel.get("_stdin"))]
    return StringCommand(*ASKING_SUDO, *as_user, inner), {**channel, "_stdin": lines}


def as_bytes(stdin: list[str] | str | None) -> bytes:
    """Return what a command is to read, each line with its end, as pyinfra sends it."""
    return "".join(each if each.endswith("\n") else f"{each}\n" for each in _lines(stdin)).encode()


def _lines(stdin: list[str] | str | None) -> list[str]:
    return [] if stdin is None else stdin if isinstance(stdin, list) else [stdin]
