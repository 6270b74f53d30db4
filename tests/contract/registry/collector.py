"""Garbage collection as the registry's machine does it, on this one: the same scripts."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyinfra.api.command import StringCommand

from tests.contract.registry.doors import Doors
from whisklab.engine.ssh.locks import BEAT, HELD
from whisklab.images import collecting
from whisklab.images.collecting import Going, Program
from whisklab.images.host import share

# What it asks of systemd. A process that has ended may wait for its parent to notice.
SYSTEMCTL = """#!/bin/sh
case "$1" in
  stop) pid=$(cat {pid}); kill "$pid"
    while grep -q '^State:.[^ZX]' /proc/$pid/status 2>/dev/null; do sleep 0.05; done;;
  start) setsid env OTEL_TRACES_EXPORTER=none {program} serve {configuration} >>{log} 2>&1 9>&- &
    echo $! > {pid};;
esac
echo "$1 $2" >> {asked}
"""


class Collector:
    """The registry's machine.

    Args:
        doors: of the registry; the one that takes images is started here.
        directory: for locks, and programs that stand for the machine's.
    """

    def __init__(self, doors: Doors, directory: Path) -> None:
        self.directory, self.asked, self.pid = directory, directory / "asked", directory / "pid"
        (directory / "bin").mkdir(parents=True)
        configuration = doors.placed(doors.push.configuration)
        systemctl = directory / "bin/systemctl"
        systemctl.write_text(
            SYSTEMCTL.format(
                pid=self.pid, program=doors.program, configuration=configuration,
                log=directory / "log", asked=self.asked,
            )
        )  # fmt: skip
        systemctl.chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{directory}/bin:{os.environ['PATH']}"}
        self.program = Program(
            str(doors.program), str(configuration), "root", str(doors.data), doors.push.service,
            str(directory),
        )  # fmt: skip

    def start(self) -> None:
        subprocess.run([self.directory / "bin/systemctl", "start", "x"], check=True)

    def stop(self) -> None:
        subprocess.run([self.directory / "bin/systemctl", "stop", "x"], check=True)

    def run(self, command: StringCommand, given: str = "") -> str:
        done = subprocess.run(
            ["sh", "-c", command.get_raw_value()], env=self.environment, input=given,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def going(self) -> Going:
        return collecting.parsed(self.run(collecting.look(self.program)))

    def collect(self, told: Going, within: int = 60) -> str:
        """What the unit says."""
        file = f"{self.directory}/registry.told"
        self.run(collecting.keep(self.program, file), told.lines)
        self.run(collecting.unit_script(self.program, file, within))
        return self.run(collecting.answer(self.program, file)).strip()

    @contextmanager
    def sharing(self) -> Iterator[None]:
        """Hold the lock of a push."""
        with subprocess.Popen(
            ["sh", "-c", share(str(self.directory)).get_raw_value()], env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as holder:  # fmt: skip
            assert holder.stdin
            assert holder.stdout
            holder.stdin.write(BEAT)
            holder.stdin.flush()
            assert holder.stdout.readline().decode().strip() == HELD
            yield
            holder.stdin.close()
