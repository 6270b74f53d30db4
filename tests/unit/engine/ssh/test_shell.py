"""A shell of a host takes commands one after the other; here it is a real one of this machine."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import IO, cast

import gevent
import paramiko
import pytest
from gevent import subprocess  # whose pipes let others read, as a channel does

from whisklab.engine.facts.batch import Unfinished
from whisklab.engine.ssh.shell import Ended, Shell


class Pipes:
    """What Shell needs of a channel, with a local process at its other end."""

    def __init__(self, *argv: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe)
        self.closed = self.cut = False

    @property
    def eof_received(self) -> bool:
        # The end of its streams is seen a moment before its own.
        try:
            return not self.cut and self.process.wait(timeout=0.5) is not None
        except subprocess.TimeoutExpired:
            return False

    def sendall(self, data: bytes) -> None:
        try:
            stdin = cast("IO[bytes]", self.process.stdin)
            stdin.write(data)
            stdin.flush()
        except BrokenPipeError as error:
            raise OSError("Socket is closed") from error

    def makefile(self, _mode: str) -> IO[bytes] | None:
        return self.process.stdout

    def makefile_stderr(self, _mode: str) -> IO[bytes] | None:
        return self.process.stderr

    def close(self) -> None:
        self.closed = True
        self.process.kill()
        self.process.wait()


def started(*argv: str) -> Shell:
    return Shell(cast("paramiko.Channel", Pipes(*(argv or ("sh",)))))


@pytest.fixture
def shell() -> Iterator[Shell]:
    found = started()
    assert found.greet().output_lines == []
    yield found
    found.close()


def sh(text: str) -> str:
    return shlex.join(["sh", "-c", text])


def test_answers_are_whole_and_apart(shell: Shell) -> None:
    code, output = shell.run(sh("echo one; printf 'no end'; echo two >&2; exit 3"), b"")
    assert (code, output.stdout_lines, output.stderr_lines) == (3, ["one", "no end"], ["two"])
    code, output = shell.run(sh("printf '\\n\\nx\\n\\n'"), b"")
    assert (code, output.stdout_lines, output.stderr_lines) == (0, ["", "", "x", ""], [])
    code, output = shell.run(sh("printf 'no end' >&2; printf '\\377\\n'"), b"")
    assert (code, output.stderr_lines) == (0, ["no end"])
    assert len(output.stdout_lines) == 1, "bytes that are no text are no error"


@pytest.mark.parametrize("size", [1, 4096, 300_000])
@pytest.mark.parametrize("reads", ["cat | wc -c", "head -c 1 | wc -c", "echo none", "exit 1"])
def test_a_command_reads_just_what_it_is_given(shell: Shell, size: int, reads: str) -> None:
    """And what it leaves is nothing for those that follow."""
    data = b"exit 9\n" * (size // 7 + 1)
    code, output = shell.run(sh(reads), data[:size])
    read = {"cat | wc -c": [str(size)], "head -c 1 | wc -c": ["1"], "echo none": ["none"]}
    assert (code, output.stdout_lines) == (int(reads == "exit 1"), read.get(reads, []))
    assert shell.run(sh("cat; echo next"), b"")[1].stdout_lines == ["next"]


def test_what_a_command_does_to_its_shell_ends_with_it(shell: Shell) -> None:
    shell.run(sh("cd /; umask 077; exit 4"), b"")
    before = shell.run("pwd", b"")[1].output
    assert shell.run(sh("kill $$"), b"")[0] > 128
    assert shell.run("pwd", b"")[1].output == before


def test_much_on_both_streams(shell: Shell) -> None:
    text = "i=0; while test $i -lt 20000; do echo out $i; echo err $i >&2; i=$((i+1)); done"
    code, output = shell.run(sh(text), b"")
    assert (code, len(output.stdout_lines), len(output.stderr_lines)) == (0, 20000, 20000)


def test_a_shell_that_ends_with_its_command(shell: Shell) -> None:
    with pytest.raises(Ended) as ended:
        shell.run(sh("echo said; kill -9 $PPID; sleep 1"), b"")
    assert (ended.value.begun, ended.value.lost) == (True, False)
    assert ended.value.output.stdout_lines == ["said"]
    assert shell.ended
    with pytest.raises(Ended) as again:
        shell.run("true", b"")
    assert (again.value.begun, again.value.lost) == (False, False)


def test_a_connection_that_dies_is_no_shell_that_ended() -> None:
    pipes = Pipes("sh")
    shell = Shell(cast("paramiko.Channel", pipes))
    shell.greet()
    pipes.cut = True
    with pytest.raises(Ended) as ended:
        shell.run(sh("echo said; kill -9 $PPID"), b"")
    assert ended.value.lost


def test_a_shell_that_ends_before_it_was_given_everything() -> None:
    pipes = Pipes("sh")
    shell = Shell(cast("paramiko.Channel", pipes))
    shell.greet()
    with pytest.raises(Ended) as ended:
        shell.run(sh(f"echo said; kill -9 {pipes.process.pid}"), b"x" * 3_000_000)
    assert (ended.value.begun, ended.value.lost) == (True, False)


def test_one_that_never_was() -> None:
    with pytest.raises(Ended) as ended:
        started("sh", "-c", "echo word; echo not allowed >&2; exit 1").greet()
    assert ended.value.output.stdout_lines == ["word"]
    assert ended.value.output.stderr_lines == ["not allowed"]


def test_what_is_printed_before_it_is_no_answer() -> None:
    loud = started("sh", "-c", "printf 'Welcome '; echo word; echo oh >&2; exec sh")
    output = loud.greet()
    assert (output.stdout_lines, output.stderr_lines) == (["Welcome word"], ["oh"])
    assert loud.run(sh("echo answer"), b"")[1].output_lines == ["answer"]
    loud.close()


def test_what_is_left_running_is_no_answer_of_the_next(shell: Shell) -> None:
    shell.run(sh("(sleep 0.2; printf late) & echo begun"), b"")
    shell.run(sh("sleep 0.4"), b"")
    assert shell.run(sh("echo next"), b"")[1].output_lines == ["next"]


def test_one_that_takes_too_long_takes_the_shell_with_it(shell: Shell) -> None:
    with pytest.raises(Unfinished) as ended:
        shell.run(sh("echo one; echo; echo three; sleep 60"), b"", within=1)
    assert ended.value.lines == ["one", "", "three"]
    assert shell.ended


def test_who_comes_meanwhile_waits_for_his_turn(shell: Shell) -> None:
    jobs = [gevent.spawn(shell.run, sh(f"sleep 0.1; echo {i}"), b"") for i in range(3)]
    assert [job.get()[1].output for job in jobs] == ["0", "1", "2"]
