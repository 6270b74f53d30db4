"""Commands of a host with an SSH channel of their own: long ones, uploads, streams of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import gevent
import paramiko
from pyinfra.api.command import StringCommand
from pyinfra.connectors.ssh import SSHConnector
from pyinfra.connectors.util import make_unix_command_for_host

from whisklab.engine import alive, answers, locks, login

STREAM_CHUNK = 1 << 20  # bytes


class Channels(SSHConnector):
    """A connection that notices its loss, and whose commands' stdin is free for use.

    Attributes:
        changes: how often the host may have been changed in this run: the commands for it that were
            sent, and whatever another run did before this one had the lock.
    """

    changes = 0
    _login: login.Login

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
        self.changes += 1
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
        stderr = answers.after(channel.makefile_stderr("rb").read(), self._login.mark)
        code = channel.recv_exit_status()
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
