"""Stages order work across hosts and stop at a failure.

pyinfra orders operations by a graph, not by the file; an operation that every host calls at the
same place is a barrier in that graph.
"""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api.command import FunctionCommand
from pyinfra.api.operation import operation
from pyinfra.context import ctx_state

from whisklab.engine import hooks
from whisklab.engine.remote import fail
from whisklab.errors import BadInput, WhisklabError


@operation()
def _barrier() -> Generator[FunctionCommand]:
    failed = sorted(host.name for host in ctx_state.get().failed_hosts)
    if failed:
        yield fail(f"stopped here, because of {', '.join(failed)}")


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
        BadInput: config.py was not read (wrong directory); the stock connector would silently
            accept new host keys.
        WhisklabError: a host could not be reached or refuses sudo.
    """
    if not hooks.installed():
        raise BadInput(
            "deploy.py needs the engine that config.py installs: run pyinfra in the "
            "directory of config.py"
        )
    failed = sorted(host.name for host in ctx_state.get().failed_hosts)
    if failed:
        raise WhisklabError(
            f"nothing was changed, because of {', '.join(failed)} (above): mend "
            "it, or leave it out with --limit"
        )
