"""Commands of a host with an SSH channel of their own: long ones, uploads, streams of bytes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import gevent
import paramiko
from pyinfra.api.command import StringCommand
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import make_unix_command_for_host

from whisklab.engine import runs
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.facts import asking
from whisklab.engine.runlog import RunLog
from whisklab.engine.ssh import alive, answers, locks, login

STREAM_CHUNK = 1 << 20  # bytes


@dataclass
class ConnectionContext:
    """What the connections of a run are given; set before they are made.

    Attributes:
        secrets: the environment's store, where a sudo password may be.
        log: of the run, where each command is written down.
    """

    secrets: SecretStore | None = None
    log: RunLog | None = None


class Channels(SSHConnector):
    """A connection that notices its loss, and whose commands' stdin is free for use.

    Attributes:
        context: what all connections of the run have.
    """

    _login: login.Login

    @property
    def context(self) -> ConnectionContext:
        """What all connections of the run have."""
        return runs.of(self.state).part(ConnectionContext)

    def _note(
        self, command: StringCommand | str, began: float, *, ok: bool, output: list[str]
    ) -> None:
        """Write down a command that has ended; `began` is monotonic."""
        log = self.context.log
        if log is not None:
            spent = time.monotonic() - began
            # pyinfra's own facts may be plain text.
            text = command if isinstance(command, str) else command.get_masked_value()
            log.add(self.host.name, self._operation(), text, spent, ok=ok, output=output)

    def _operation(self) -> str:
        found = self.host.executing_op_hash or self.host.current_op_hash
        known = self.state.op_meta.get(found) if found else None
        return ", ".join(sorted(known.names)) if known else ""

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

    def _as_change(self, command: StringCommand) -> StringCommand:
        asking.of(self.host).changed()
        return locks.under_change_lock(command)

    def open(self, command: StringCommand) -> paramiko.Channel:
        """Start `command` as root and return its channel, whose stdin is free for use.

        Raises:
            Lost: the connection is gone.
        """
        arguments: dict[str, Any] = {"_sudo": True}
        preamble = b""
        if password := self._login.password:
            command, arguments = login.sudo_on_stdin(self.host, command, arguments, password)
            preamble = (arguments.pop("_stdin")[0] + "\n").encode()
        if self._login.mark:
            command = answers.marked(command, self._login.mark)
        line = make_unix_command_for_host(self.state, self.host, command, **arguments)
        with self._noticing_loss():
            channel = self.transport.open_session()
            channel.exec_command(line.get_raw_value())
            channel.sendall(preamble)
            if self._login.mark:
                answers.skip(channel, self._login.mark)
        return channel

    def stream(self, command: StringCommand, source: Path) -> tuple[bool, str]:
        """Run `command`, which changes the host, with the bytes of `source` on its stdin.

        Returns:
            Whether it succeeded, and its stderr.

        Raises:
            Lost: the connection is gone.
        """
        began = time.monotonic()
        channel = self.open(self._as_change(command))
        try:
            with source.open("rb") as file:
                while chunk := file.read(STREAM_CHUNK):
                    channel.sendall(chunk)
            channel.shutdown_write()
        except (OSError, EOFError):
            # The command ended before it had read everything; its exit status says why.
            channel.settimeout(None)
        stderr = answers.after(channel.makefile_stderr("rb").read(), self._login.mark)
        ok = channel.recv_exit_status() == 0
        self._note(command, began, ok=ok, output=stderr.splitlines())
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
        began = time.monotonic()
        channel = self.open(self._as_change(command) if locks.is_changing() else command)
        try:
            channel.sendall(data)
            channel.shutdown_write()
        except (OSError, EOFError):
            channel.settimeout(None)  # it ended before it had read everything; its code says why
        stdout = channel.makefile("rb").read().decode(errors="replace")
        stderr = answers.after(channel.makefile_stderr("rb").read(), self._login.mark)
        code = channel.recv_exit_status()
        self._note(command, began, ok=not code, output=[*stdout.splitlines(), *stderr.splitlines()])
        if code:
            self._require_connection()
        return code, stdout, stderr

    def relay(self, command: StringCommand, data: bytes, out: BinaryIO, err: BinaryIO) -> int:
        """Run `command` as root with `data` on its stdin, and pass on what it says as it comes.

        Returns:
            Its exit code.

        Raises:
            Lost: the connection is gone.
        """
        channel = self.open(command)
        sending = gevent.spawn(_send, channel, data)
        saying = gevent.spawn(_copy, answers.behind_mark(channel, self._login.mark), err)
        try:
            _copy(iter(partial(channel.recv, STREAM_CHUNK), b""), out)
            saying.join()
            code = channel.recv_exit_status()
        finally:
            sending.kill()
            saying.kill()
            channel.close()  # of what runs on, such as `logs -f`, the output ends
        if code < 0:  # it had none
            self._require_connection()
        return code


def _copy(chunks: Iterator[bytes], to: BinaryIO) -> None:
    for chunk in chunks:
        to.write(chunk)
        to.flush()


def _send(channel: paramiko.Channel, data: bytes) -> None:
    # It may end before it has read everything; its exit code says why.
    with suppress(OSError, EOFError):
        channel.sendall(data)
        channel.shutdown_write()
