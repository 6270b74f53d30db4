"""Changes that cannot be made are refused before the first one is, in a plan too."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host, logger
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_state

from whisklab.engine.reasons import because
from whisklab.engine.ssh.remote import fail


@operation()
def possible(refusals: Sequence[str]) -> Generator[FunctionCommand]:
    """Have a change that is possible; else fail the host with the sentences, in plans too.

    Args:
        refusals: object, cause and remedy of each change that cannot be made.
    """
    yield from refused(refusals)


def refused(refusals: Sequence[str]) -> Generator[FunctionCommand]:
    """Yield what fails the current host with these sentences, if there are any; say them."""
    if not refusals:
        return
    for sentence in refusals:
        because(sentence)
        if ctx_state.get().current_stage == StateStage.Prepare:
            logger.error("%s%s", host.print_prefix, sentence)
    yield fail(*refusals)
