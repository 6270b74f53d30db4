"""One shell of a host that runs a whole run's commands, one after the other.

So a login's scripts, PAM and sudo cost their time once, however long they take. An answer lies
between marks: what else is printed there is none of it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import suppress

import paramiko
from gevent.lock import BoundedSemaphore
from pyinfra.connectors.util import CommandOutput, read_output_buffers

from whisklab.engine.facts.batch import Unfinished

# The shell itself reads ahead, so what a command is to read is only sent when it has begun; it gets
# just that, and what it leaves is read for it, or the shell would take it for the next command.
_ALONE = "echo {mark}; {line} < /dev/null; code=$?; echo {mark} $code; echo {mark} >&2\n"
_FED = (
    "echo {mark}; head -c {size} | {{ {line}; code=$?; cat > /dev/null; exit $code; }}; "
    "code=$?; echo {mark} $code; echo {mark} >&2\n"
)


class Ended(Exception):
    """The shell ended.

    Attributes:
        output: what was printed before.
        begun: whether the command had begun.
        lost: whether nothing was heard of its end, because the connection is gone.
    """

    def __init__(self, output: CommandOutput, *, begun: bool, lost: bool) -> None:
        super().__init__(output.output)
        self.output, self.begun, self.lost = output, begun, lost


class Shell:
    """A shell that reads commands on its stdin; whoever comes meanwhile waits for his turn.

    Args:
        channel: at whose other end it runs, or will, behind whatever is printed before.

    Attributes:
        changing: whether the command that it runs changes the host, which may take long.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self.mark = secrets.token_hex(8)
        self.changing = False
        self._turn = BoundedSemaphore()
        self._channel = channel
        self._stdout, self._stderr = channel.makefile("rb"), channel.makefile_stderr("rb")

    @property
    def ended(self) -> bool:
        """Whether it takes no more commands."""
        return bool(self._channel.closed or self._channel.eof_received)

    def greet(self, password: str | None = None) -> CommandOutput:
        """Return what is printed before the shell's first answer, by whoever started it.

        Args:
            password: what reads a line before the shell does.

        Raises:
            Ended: there is no shell.
        """
        first = "" if password is None else f"{password}\n"
        with suppress(OSError):  # it ended already; what it said is there
            hello = f"echo {self.mark} 0; echo {self.mark} >&2\n"
            self._channel.sendall((first + hello).encode())
        return self._read()[1]

    def run(
        self,
        line: str,
        data: bytes,
        *,
        changing: bool = False,
        within: int | None = None,
        shown: str | None = None,
    ) -> tuple[int, CommandOutput]:
        """Run one command.

        Args:
            line: a simple command, quoted for a shell.
            data: what it reads on its stdin.
            changing: whether it changes the host.
            within: seconds.
            shown: show its lines as they come, behind this.

        Returns:
            Its exit code and output.

        Raises:
            Unfinished: it still runs; this shell is closed.
            Ended: the shell did, with the command or before it.
        """
        with self._turn:
            self.changing = changing
            try:
                self.begin(line, len(data))
                with suppress(OSError):  # it ended meanwhile; what it said is there
                    self._channel.sendall(data)
                return self._read(within, shown)
            except TimeoutError:
                self.close()
                raise
            finally:
                self.changing = False

    def begin(self, line: str, size: int) -> None:
        """Give it a command that reads `size` bytes, and wait until it has begun.

        Raises:
            Ended: it never began.
        """
        form, begun = _FED if size else _ALONE, f"{self.mark}\n".encode()
        with suppress(OSError):  # the channel is closed
            self._channel.sendall(form.format(mark=self.mark, line=line, size=size).encode())
            if any(printed.endswith(begun) for printed in self._stdout):
                return
        raise self._ended(CommandOutput([]), begun=False)

    def close(self) -> None:
        """End it, or let it end with the command that runs."""
        self._channel.close()

    def _read(
        self, within: int | None = None, shown: str | None = None
    ) -> tuple[int, CommandOutput]:
        codes: list[str] = []
        said: list[str] = []
        try:
            output = read_output_buffers(
                _noted(self._lines(self._stdout, codes), said), self._lines(self._stderr, codes),
                timeout=within, print_output=shown is not None, print_prefix=shown or "",
            )  # fmt: skip
        except TimeoutError:
            raise Unfinished([line.rstrip("\n") for line in said]) from None
        if not "".join(codes):
            raise self._ended(output, begun=True)
        return int("".join(codes)), output

    def _ended(self, output: CommandOutput, *, begun: bool) -> Ended:
        # The channels of a connection that is gone are closed before it is known to be gone.
        lost = not self._channel.eof_received
        self.close()
        return Ended(output, begun=begun, lost=lost)

    def _lines(self, stream: paramiko.ChannelFile, codes: list[str]) -> Iterator[str]:
        """Yield the lines up to the mark, and note what is behind it: on stdout the exit code."""
        for printed in stream:
            text, found, code = printed.decode(errors="replace").partition(self.mark)
            if text:
                yield text
            if found:
                codes.append(code.strip())
                return


def _noted(lines: Iterator[str], said: list[str]) -> Iterator[str]:
    for line in lines:
        said.append(line)
        yield line
