"""What a run has to have on the laptop before it changes a host."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host, state
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from whisklab.engine.reasons import because
from whisklab.engine.run.environment import current
from whisklab.engine.ssh.remote import call


@operation()
def secrets_kept(by: str) -> Generator[FunctionCommand]:
    """Have the secrets that this run takes over or generates in files; yields nothing without any.

    A plan says which they are and writes none. Every host calls it, one of them does it.

    Args:
        by: the name of the one that does it; where it is not in the run, the first one that is.
    """
    store, active = current().store, [each.name for each in state.inventory.get_active_hosts()]
    if host.name != (by if by in active else active[0]):
        return
    for name, proposed in store.proposed.items():
        because(f"{name} {proposed.why}")
    if store.proposed:

        def keep(_: Host) -> None:
            store.keep()

        yield call(keep)
