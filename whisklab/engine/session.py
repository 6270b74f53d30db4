"""One machine of an environment in this process, without a deploy: as pyinfra sees it.

Importing this module patches the standard library for gevent, as pyinfra's own command does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyinfra_cli.cli as pyinfra_cli
from pyinfra.api.config import Config
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.context import ctx_config, ctx_state
from pyinfra_cli.util import exec_file

from whisklab.engine.hooks import Sentence
from whisklab.errors import BadInput, WhisklabError


def open_inventory(environment: str) -> Inventory:
    """Return the inventory of `inventories/<environment>.py` with all its data, validated.

    config.py is read first, as pyinfra does; nothing is connected.

    Raises:
        BadInput: there is no config.py here, no such inventory, or its data are wrong.
    """
    directory = Path.cwd()
    if not (directory / "config.py").is_file():
        raise BadInput("there is no config.py here: go to the repository's directory")
    if str(directory) not in sys.path:
        sys.path.append(str(directory))
    state, config = State(), Config()
    state.cwd = str(directory)
    with _plainly():
        with ctx_state.use(state), ctx_config.use(config):
            exec_file(str(directory / "config.py"))
            # Looked up at the call: config.py has put the engine's own in its place.
            inventory: Inventory = pyinfra_cli.make_inventory(
                f"inventories/{environment}.py", cwd=str(directory)
            )
        state.init(inventory, config)
    return inventory


@contextmanager
def connected(host: Host) -> Iterator[Host]:
    """Connect to one host of `open_inventory`, and disconnect at the end.

    Raises:
        WhisklabError: it does not answer, or refuses the login; one sentence.
    """
    try:
        host.connect(show_errors=False, raise_exceptions=True)
    except ConnectError as error:
        raise WhisklabError(str(error)) from error
    try:
        yield host
    finally:
        host.disconnect()


@contextmanager
def _plainly() -> Iterator[None]:
    """A WhisklabError that was dressed for pyinfra's command leaves as what it was."""
    try:
        yield
    except Sentence as sentence:
        if isinstance(sentence.__cause__, WhisklabError):
            raise sentence.__cause__ from None
        raise
