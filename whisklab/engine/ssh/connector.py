"""Our SSH connector: strict host keys, TCP_NODELAY, one connection per host, sudo on stdin.

It takes the place of pyinfra's own for plain host names (`whisklab.engine.run.hooks`).
"""

from __future__ import annotations

import socket
import time
from functools import partial
from pathlib import Path
from typing import Any

import paramiko
from pyinfra import logger
from pyinfra.api.command import StringCommand
from pyinfra.api.exceptions import ConnectError, PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.output import echo
from pyinfra.api.state import State
from pyinfra.connectors.base import DataMeta
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import CommandOutput, OutputLine, make_unix_command_for_host

from whisklab.engine.facts import asking
from whisklab.engine.ssh import alive, answers, identity, locks, login, proxied, refusals
from whisklab.engine.ssh.channels import Channels
from whisklab.engine.ssh.shell import Ended, Shell
from whisklab.errors import WhisklabError

# What changes nothing of who runs a command.
SHELL_ARGUMENTS = frozenset((
    "_shell_executable", "_env", "_chdir", "_timeout", "_stdin", "_success_exit_codes",
    "_retries", "_retry_delay", "_retry_until", "_temp_dir",
))  # fmt: skip


class WhiskSSH(Channels):
    """pyinfra's SSH connector with what a strict engine needs.

    Attributes:
        run_lock: of the host, as this run has it.
    """

    data_meta = {
        **SSHConnector.data_meta,
        "ssh_strict_host_key_checking": DataMeta("SSH strict host key checking", "yes"),
    }
    _shell: Shell  # takes the commands one after the other

    def __init__(self, state: State, host: Host) -> None:
        super().__init__(state, host)
        self.run_lock = locks.RunLock(host.name, self.open)

    def connect(self) -> None:
        """Connect, and check that sudo answers when the host's data ask for it.

        Raises:
            ConnectError: one sentence with the remedy.
        """
        try:
            self._connect_to_sshd()
            asking.of(self.host).counts()
            self._disable_nagle()
            # paramiko's thread would look ten times a second whether it is to end; to close the
            # socket wakes it as well.
            self.transport.sock.settimeout(None)
            alive.watch(self.transport, self.run_lock.beat)
            user, sudo = self.data["ssh_user"] or "the user", bool(self.host.data.get("_sudo"))
            self._login = login.Login(self.host.name, user, sudo, self.context.secrets)
            self._shell = self._login.shell(self.transport)
        except WhisklabError as error:  # it is lost, or the ssh_config has something
            raise ConnectError(str(error)) from error
        except alive.FAILURES as error:
            raise ConnectError(self._remedy(str(error) or type(error).__name__)) from error

    def _connect_to_sshd(self) -> None:
        try:
            self._connect()
        except (PyinfraError, *alive.FAILURES) as error:
            way = self.client.said() if isinstance(self.client, proxied.Client) else ""
            raise ConnectError(self._remedy(str(error) or type(error).__name__, way)) from error

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
        asking.remember(self.host)

    def _remedy(self, problem: str, way: str = "") -> str:
        given = self.data["ssh_hostname"] or self.host.name, self.data["ssh_port"]
        found = self.client.route if isinstance(self.client, proxied.Client) else None
        route = found or proxied.Route(given[0], given[1] or paramiko.config.SSH_PORT)
        return refusals.remedy(
            problem,
            host=self.host.name,
            address=route.known_as,
            user=self.data["ssh_user"],
            known_hosts=self.data["ssh_known_hosts_file"],
            way=way,
        )

    def run_shell_command(
        self,
        command: StringCommand,
        print_output: bool = False,
        print_input: bool = False,
        **arguments: Any,  # noqa: ANN401
    ) -> tuple[bool, CommandOutput]:
        """Run `command` on the host; a sudo password goes to sudo on stdin, never into argv.

        Returns:
            Whether it succeeded, and its output; when the connection is lost, one sentence; when
            the host is shutting down, one more.
        """
        began, asked = time.monotonic(), command
        if locks.is_changing() and arguments.get("_sudo"):
            command = self._as_change(command)
        ok, output = self._attempt(command, print_output, print_input, arguments)
        self._note(asked, began, ok=ok, output=[each.line for each in output.combined_lines])
        return ok, output

    def _attempt(
        self,
        command: StringCommand,
        print_output: bool,
        print_input: bool,
        arguments: dict[str, Any],
    ) -> tuple[bool, CommandOutput]:
        try:
            with self._noticing_loss():
                shell = self._shell_for(arguments)
                run = self._run_alone if shell is None else partial(self._run_in, shell)
                ok, output = run(command, print_output, print_input, arguments)
                if not ok:
                    self._require_host()
        except alive.Leaving as error:
            return False, CommandOutput([*output.combined_lines, OutputLine("stderr", str(error))])
        except (alive.Lost, ConnectError) as error:
            return False, CommandOutput([OutputLine("stderr", str(error))])
        return ok, output

    def _require_host(self) -> None:
        """See that what failed is not the end of the connection, or of a host in the middle."""
        self._require_connection()
        if not locks.is_changing():
            return
        arguments = {"_sudo": self._login.sudo}  # root asks systemd itself, others a bus
        _, said = self._run_alone(
            alive.STATE, print_output=False, print_input=False, arguments=arguments
        )
        if said.stdout.strip() not in alive.STAYS:
            raise alive.Leaving(self.host.name, said.stdout.strip())

    def _shell_for(self, arguments: dict[str, Any]) -> Shell | None:
        """Return the run's shell, unless it may be busy for long or has other rights than asked."""
        given = {key for key, value in arguments.items() if value and key not in SHELL_ARGUMENTS}
        wanted = {"_sudo"} if self._login.sudo else set()
        if given != wanted or arguments.get("_shell_executable", "sh") is None:
            return None
        if self._shell.changing:  # it may take long
            return None
        if self._shell.ended:
            self._shell = self._login.shell(self.transport)
        return self._shell

    def _run_in(
        self,
        shell: Shell,
        command: StringCommand,
        print_output: bool,
        print_input: bool,
        arguments: dict[str, Any],
    ) -> tuple[bool, CommandOutput]:
        ours = {*login.CHANNEL_ARGUMENTS, "_sudo"}
        rest = {key: value for key, value in arguments.items() if key not in ours}
        line = make_unix_command_for_host(self.state, self.host, command, **rest)
        logger.debug("Running command on %s: %s", self.host.name, line)
        if print_input:
            echo(f"{self.host.print_prefix}>>> {line}", err=True)
        try:
            code, output = shell.run(
                line.get_raw_value(),
                login.as_bytes(arguments.get("_stdin")),
                changing=locks.is_changing(),
                within=arguments.get("_timeout"),
                shown=self.host.print_prefix if print_output else None,
            )
        except Ended as ended:
            if ended.lost:
                raise alive.Lost(self.host.name) from ended
            if not ended.begun:
                return self._run_alone(command, print_output, print_input, arguments)
            why = OutputLine("stderr", f"the shell of {self.host.name} ended before the command")
            return False, CommandOutput([*ended.output, why])
        return code in (arguments.get("_success_exit_codes") or (0,)), output

    def _run_alone(
        self,
        command: StringCommand,
        print_output: bool,
        print_input: bool,
        arguments: dict[str, Any],
    ) -> tuple[bool, CommandOutput]:
        """Run it by a login of its own."""
        if (password := self._login.password) and arguments.get("_sudo"):
            command, arguments = login.sudo_on_stdin(self.host, command, arguments, password)
        if self._login.mark:
            command = answers.marked(command, self._login.mark)
        ok, output = super().run_shell_command(
            command, print_output=print_output, print_input=print_input, **arguments
        )
        if self._login.mark:
            output = answers.behind(output, self._login.mark)
        return ok, output

    def hold_run_lock(self) -> None:
        """Hold the host's run lock until this process ends. Idempotent within a run.

        What was asked before is old when it was not held until now: another run may have been at
        work.

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
            asking.changed_before(self.host)
