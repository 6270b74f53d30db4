"""Stages order work across hosts and stop at a failure.

pyinfra orders operations by a graph, not by the file; an operation that every host calls at the
same place is a barrier in that graph.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api.command import FunctionCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operation import operation
from pyinfra.context import ctx_host, ctx_state

from whisklab.engine import capability, foresight, hooks
from whisklab.engine.connector import WhiskSSH
from whisklab.engine.environment import current
from whisklab.engine.remote import fail
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
def _asked_ahead(kind: Sequence[str]) -> Generator[FunctionCommand]:
    if isinstance(host.connector, WhiskSSH):
        known = [str(current().secrets), *kind, *capability.selection()]
        foresight.ahead(ctx_host.get(), known)
    yield from ()


def _hold(connector: WhiskSSH) -> Generator[FunctionCommand]:
    foresight.forget()  # another run may have been at work until now
    try:
        connector.hold_run_lock()
    except WhisklabError as error:
        yield fail(str(error))


def exclusive(*kind: str) -> None:
    """Hold each host's run lock from here to the end of the run; a plan needs none.

    It changes nothing. While another run holds a lock, this one stops, naming it. Then each host
    is asked at once what it was asked in the last run.

    Args:
        kind: of the run, when it asks other things than a deploy.
    """
    _exclusive(name="Nobody else is at work")
    _asked_ahead(
        name="What was asked in the last run", kind=kind
    )  # once nobody is at work on any host


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
