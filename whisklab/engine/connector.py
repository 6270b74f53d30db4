"""Our SSH connector: strict host keys, TCP_NODELAY, one connection per host, sudo on stdin.

It takes the place of pyinfra's own for plain host names (`whisklab.engine.hooks`).
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.connectors.base import DataMeta
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import CommandOutput, OutputLine, make_unix_command_for_host

from whisklab.engine import alive, answers, foresight, identity, locks, refusals
from whisklab.engine.secrets import SecretStore
from whisklab.errors import WhisklabError

SUDO_PASSWORD = "sudo_password"  # noqa: S105  the secret's file name
CHANNEL_ARGUMENTS: tuple[str, ...] = ("_get_pty", "_timeout", "_stdin", "_success_exit_codes")
STREAM_CHUNK = 1 << 20  # bytes


class WhiskSSH(SSHConnector):
    """pyinfra's SSH connector with what a strict engine needs.

    Attributes:
        secrets: the environment's store, where a sudo password may be; set before connecting.
        run_lock: of the host, as this run has it.
        changes: how often the host may have been changed in this run: the commands for it that were
            sent, and whatever another run did before this one had the lock.
    """

    data_meta = {
        **SSHConnector.data_meta,
        "ssh_strict_host_key_checking": DataMeta("SSH strict host key checking", "yes"),
    }
    secrets: SecretStore | None = None
    changes = 0
    _sudo_password: str | None = None
    _mark: str | None = None  # where answers begin, if the login itself prints something

    def __init__(self, state: State, host: Host) -> None:
        super().__init__(state, host)
        self.run_lock = locks.RunLock(host.name, self.open)

    def connect(self) -> None:
        """Connect, and check that sudo answers when the host's data ask for it.

        Raises:
            ConnectError: one sentence with the remedy.
        """
        try:
            self._connect()
        except PyinfraError as error:
            raise ConnectError(self._remedy(str(error))) from error
        except alive.FAILURES as error:
            raise ConnectError(self._remedy(str(error) or type(error).__name__)) from error
        self._disable_nagle()
        alive.watch(self.transport, self.run_lock.beat)
        self._check_login()

    def make_paramiko_kwargs(self) -> dict[str, Any]:
        """Return how to log in: a key that needs a passphrase is the agent's to use.

        Raises:
            ConnectError: the agent does not have it. (Nobody is asked: hosts connect side by side.)
        """
        path = self.data["ssh_key"]
        key = identity.locked(Path(path).expanduser()) if path else None
        if key is None or self.data["ssh_key_password"]:
            return super().make_paramiko_kwargs()
        found = identity.in_agent(key)
        if found is None:
            raise ConnectError(refusals.locked_key(path))
        self.data["ssh_key"] = ""  # else it would be read
        return {**super().make_paramiko_kwargs(), "pkey": found,
                "allow_agent": False, "look_for_keys": False}  # fmt: skip

    def _disable_nagle(self) -> None:
        # Measured: with Nagle's algorithm on, an exec takes 52 ms instead of 7.
        # Behind a jump host the transport's socket is a channel, behind a ProxyCommand one of this
        # machine: they have no such option.
        sock = self.transport.sock
        if isinstance(sock, socket.socket) and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def disconnect(self) -> None:
        """Disconnect, and remember what the host was asked."""
        super().disconnect()
        foresight.remember(self.host)

    @property
    def transport(self) -> paramiko.Transport:
        """The one SSH connection of this host.

        Raises:
            Lost: it is gone.
        """
        transport = self.client.get_transport() if self.client else None
        if transport is None or not transport.is_active():
            raise alive.Lost(self.host.name)
        return transport

    def _require_connection(self) -> None:
        _ = self.transport

    @contextmanager
    def _noticing_loss(self) -> Iterator[None]:
        """What fails because the connection is gone, fails as Lost."""
        try:
            yield
        except alive.FAILURES:
            self._require_connection()
            raise

    def _remedy(self, problem: str) -> str:
        name = self.data["ssh_hostname"] or self.host.name
        port = self.data["ssh_port"] or paramiko.config.SSH_PORT
        return refusals.remedy(
            problem,
            host=self.host.name,
            address=name if port == paramiko.config.SSH_PORT else f"[{name}]:{port}",
            user=self.data["ssh_user"],
            known_hosts=self.data["ssh_known_hosts_file"],
        )

    def _check_login(self) -> None:
        """Ask shell and sudo, by one command; notice what login scripts print."""
        word, wants_sudo = secrets.token_hex(8), bool(self.host.data.get("_sudo"))
        # As each command is run: a sudoers file may allow some programs only.
        sudo = ("&&", "sudo", "-H", "-n", "sh", "-c", "true") if wants_sudo else ()
        ok, output = super().run_shell_command(StringCommand("echo", word, *sudo))
        lines = output.stdout_lines
        if not any(line.endswith(word) for line in lines):
            said = output.output_lines
            raise ConnectError(refusals.no_shell(self.host.name, self._user, said))
        if lines != [word] or (ok and output.stderr_lines):
            self._mark = word
        if not ok:
            self._use_sudo_password(output.stderr_lines)

    @property
    def _user(self) -> str:
        return self.data["ssh_user"] or "the user"

    def _use_sudo_password(self, said: list[str]) -> None:
        user, store = self._user, self.secrets
        try:
            password = store.read(SUDO_PASSWORD) if store else None
        except WhisklabError as error:
            raise ConnectError(f"sudo on {self.host.name} asks for a password: {error}") from error
        if password is None:
            where = store.path(SUDO_PASSWORD) if store else SUDO_PASSWORD
            raise ConnectError(refusals.no_sudo(self.host.name, user, said, str(where)))
        self._sudo_password = password
        ok, _ = self.run_shell_command(StringCommand("true"), _sudo=True)
        if not ok:
            raise ConnectError(
                f"sudo on {self.host.name} refuses the password of {user} in "
                f"{store.path(SUDO_PASSWORD) if store else SUDO_PASSWORD}"
            )

    def _as_change(self, command: StringCommand) -> StringCommand:
        self.changes += 1
        return locks.under_change_lock(command)

    def run_shell_command(
        self,
        command: StringCommand,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,  # noqa: ANN401
    ) -> tuple[bool, CommandOutput]:
        """Run `command` on the host; a sudo password goes to sudo on stdin, never into argv.

        Returns:
            Whether it succeeded, and its output; when the connection is lost, one sentence.
        """
        if locks.is_changing() and arguments.get("_sudo"):
            command = self._as_change(command)
        if self._sudo_password and arguments.get("_sudo"):
            command, arguments = self._sudo_on_stdin(command, arguments, self._sudo_password)
        if self._mark:
            command = answers.marked(command, self._mark)
        try:
            with self._noticing_loss():
                ok, output = super().run_shell_command(
                    command, print_output=print_output, print_input=print_input, **arguments
                )
            if self._mark:
                output = answers.behind(output, self._mark)
            if not ok:
                self._require_connection()
        except alive.Lost as lost:
            return False, CommandOutput([OutputLine("stderr", str(lost))])
        return ok, output

    def open(self, command: StringCommand) -> paramiko.Channel:
        """Start `command` as root and return its channel, whose stdin is free for use.

        Raises:
            Lost: the connection is gone.
        """
        arguments: dict[str, Any] = {"_sudo": True}
        preamble = b""
        if self._sudo_password:
            command, arguments = self._sudo_on_stdin(command, arguments, self._sudo_password)
            preamble = (arguments.pop("_stdin")[0] + "\n").encode()
        if self._mark:
            command = answers.marked(command, self._mark)
        line = make_unix_command_for_host(self.state, self.host, command, **arguments)
        with self._noticing_loss():
            channel = self.transport.open_session()
            channel.exec_command(line.get_raw_value())
            channel.sendall(preamble)
            if self._mark:
                answers.skip(channel, self._mark)
        return channel

    def stream(self, command: StringCommand, source: Path) -> tuple[bool, str]:
        """Run `command`, which changes the host, with the bytes of `source` on its stdin.

        Returns:
            Whether it succeeded, and its stderr.

        Raises:
            Lost: the connection is gone.
        """
        channel = self.open(self._as_change(command))
        try:
            with source.open("rb") as file:
                while chunk := file.read(STREAM_CHUNK):
                    channel.sendall(chunk)
            channel.shutdown_write()
        except (OSError, EOFError):
            # The command ended before it had read everything; its exit status says why.
            channel.settimeout(None)
        stderr = answers.after(channel.makefile_stderr("rb").read(), self._mark)
        ok = channel.recv_exit_status() == 0
        if not ok:
            self._require_connection()
        return ok, stderr

    def exchange(self, command: StringCommand, data: bytes) -> tuple[int, str, str]:
        """Run `command` as root with `data` on its stdin; nothing of it is printed.

        Returns:
            Its exit code, stdout and stderr.

        Raises:
            Lost: the connection is gone.
        """
        if locks.is_changing():
            command = self._as_change(command)
        channel = self.open(command)
        try:
            channel.sendall(data)
            channel.shutdown_write()
        except (OSError, EOFError):
            channel.settimeout(None)  # it ended before it had read everything; its code says why
        stdout = channel.makefile("rb").read().decode(errors="replace")
        stderr = answers.after(channel.makefile_stderr("rb").read(), self._mark)
        code = channel.recv_exit_status()
        if code:
            self._require_connection()
        return code, stdout, stderr

    def hold_run_lock(self) -> None:
        """Hold the host's run lock until this process ends. Idempotent within a run.

        Raises:
            Lost: the connection is gone.
            Busy: another run holds it; the sentence says who.
        """
        try:
            taken = self.run_lock.take()
        except locks.Busy:
            self._require_connection()  # else nobody has it
            raise
        if taken:
            self.changes += 1  # until now another run may have been at work

    def _sudo_on_stdin(
        self, command: StringCommand, arguments: dict[str, Any], password: str
    ) -> tuple[StringCommand, dict[str, Any]]:
        channel = {key: arguments.pop(key) for key in CHANNEL_ARGUMENTS if key in arguments}
        user = arguments.pop("_sudo_user", None)
        arguments.pop("_sudo", None)
        inner = make_unix_command_for_host(self.state, self.host, command, **arguments)
        # -k: always ask, so that the first line of stdin is read by sudo and by nobody else.
        bits: list[object] = ["sudo", "-H", "-k", "-S", "-p", QuoteString("")]
        if user:
            bits += ["-u", QuoteString(user)]
        stdin = channel.get("_stdin")
        lines = [] if stdin is None else stdin if isinstance(stdin, list) else [stdin]
        return StringCommand(*bits, inner), {**channel, "_stdin": [password, *lines]}
