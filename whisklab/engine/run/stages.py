"""Stages order work across hosts and stop at a failure.

pyinfra orders operations by a graph, not by the file; an operation that every host calls at the
same place is a barrier in that graph.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api.command import FunctionCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.operation import operation
from pyinfra.api.state import State
from pyinfra.context import ctx_host, ctx_state

from whisklab.engine.facts import asking
from whisklab.engine.facts.everywhere import everywhere
from whisklab.engine.kubernetes import ahead
from whisklab.engine.run import capability, hooks
from whisklab.engine.run.environment import current
from whisklab.engine.run.intent import goes_on
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.engine.ssh.remote import fail
from whisklab.errors import WhisklabError


@operation()
def _barrier() -> Generator[FunctionCommand]:
    failed = sorted(each.name for each in ctx_state.get().failed_hosts)
    if failed:
        yield fail(f"stopped here, because of {', '.join(failed)}")
    elif isinstance(host.connector, WhiskSSH) and host.connector.run_lock.lost:
        yield from _hold(host.connector)  # the laptop was asleep


@operation()
def _exclusive() -> Generator[FunctionCommand]:
    if isinstance(host.connector, WhiskSSH) and ctx_state.get().is_executing:
        yield from _hold(host.connector)


@operation()
def _looked_at(kind: Sequence[str]) -> Generator[FunctionCommand]:
    if isinstance(host.connector, WhiskSSH) and ctx_state.get().is_executing:
        _look(ctx_host.get(), kind)
    yield from ()


def _hold(connector: WhiskSSH) -> Generator[FunctionCommand]:
    try:
        connector.hold_run_lock()
    except WhisklabError as error:
        yield fail(str(error))


def _look(machine: Host, kind: Sequence[str]) -> None:
    if not asking.of(machine).fresh:
        asking.look(machine, [str(current().secrets), *kind, *capability.selection()])
        ahead.look(machine)


def exclusive(*kind: str) -> None:
    """Have each host for this run alone, to its end, and know what the last run has asked there.

    Call it before anything is asked. The lock is taken at once, and else, by a plan never and by a
    run that will ask its user first, when it executes. It changes nothing.

    Args:
        kind: of the run, when it asks other things than a deploy.

    Raises:
        WhisklabError: another run has the lock of a host; who.
    """

    def begin(state: State, machine: Host) -> None:
        if isinstance(machine.connector, WhiskSSH):
            if goes_on(state):
                machine.connector.hold_run_lock()
            _look(machine, kind)

    everywhere("look", begin)
    _exclusive(name="Nobody else is at work")
    # Once nobody is at work on any host: what was seen before is old there.
    _looked_at(name="What was asked in the last run", kind=kind)


def stage(name: str) -> None:
    """Wait for all hosts, and stop those that are well when one has failed.

    Every host must call it at the same place. Nothing runs on the hosts.

    Args:
        name: what is complete when the stage is passed.
    """
    _barrier(name=f"Stage: {name}")


def require_engine() -> None:
    """Refuse to run without our connector, or while a host of the run does not answer.

    Call it first in deploy.py; nothing has been changed yet.

    Raises:
        PyinfraError: config.py was not read (wrong directory), so neither the host keys nor the
            data were checked.
        WhisklabError: a host could not be reached or refuses sudo.
    """
    if not hooks.installed():
        # Our own errors become sentences by the hooks, which are missing here.
        raise PyinfraError(
            "deploy.py needs the engine that config.py installs: run pyinfra in the "
            "directory of config.py"
        )
    failed = sorted(each.name for each in ctx_state.get().failed_hosts)
    if failed:
        raise WhisklabError(
            f"nothing was changed, because of {', '.join(failed)} (above): mend "
            "it, or leave it out with --limit"
        )
