"""A command of a host that takes long says so, and what it waits for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
from pyinfra.api.command import PyinfraCommand, StringCommand
from pyinfra.api.host import Host

from whisklab.engine.progress import tell
from whisklab.engine.ssh import locks
from whisklab.engine.ssh.remote import run_quietly
from whisklab.errors import WhisklabError

TOLD_EVERY = 30.0  # seconds


class Patient(StringCommand):
    """A command that may wait for something, and another one whose last line tells for what."""

    def __init__(self, command: StringCommand, about: StringCommand) -> None:
        super().__init__(command, **command.connector_arguments)
        self.about = about


@contextmanager
def told(host: Host, command: PyinfraCommand) -> Iterator[None]:
    """Tell now and then that a command, which this context runs, still goes on."""
    about = command.about if isinstance(command, Patient) else None
    telling = gevent.spawn(_tell, host, about)
    try:
        yield
    finally:
        telling.kill(timeout=1)  # it may just be asking


def _tell(host: Host, about: StringCommand | None) -> None:
    began, what = time.monotonic(), _operation(host)
    while True:
        gevent.sleep(TOLD_EVERY)
        reason = _said(host, about) if about else ""
        took = f"{time.monotonic() - began:.0f} s"
        tell(f"{host.name}: {what}, {took}{': ' if reason else ''}{reason}")


def _operation(host: Host) -> str:
    executing = host.executing_op_hash
    names = host.state.get_op_meta(executing).names if executing else ()
    return ", ".join(sorted(names)) or "a command runs"


def _said(host: Host, about: StringCommand) -> str:
    with locks.looking():
        try:
            lines = run_quietly(host, about).splitlines()
        except WhisklabError:  # it is told without
            return ""
    return lines[-1].strip() if lines else ""
