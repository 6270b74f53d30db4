"""One machine of an environment in this process, without a deploy: as pyinfra sees it.

Importing this module patches the standard library for gevent, as pyinfra's own command does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyinfra_cli.cli as pyinfra_cli
from pyinfra.api.config import Config
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import State
from pyinfra.context import ctx_config, ctx_state
from pyinfra_cli.util import exec_file

from whisklab.engine import runs
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.run.hooks import Sentence
from whisklab.engine.ssh.channels import ConnectionContext
from whisklab.errors import BadInput, WhisklabError


def open_inventory(environment: str) -> Inventory:
    """Return the inventory of `inventories/<environment>.py` with all its data, validated.

    config.py is read first, as pyinfra does; nothing is connected.

    Raises:
        BadInput: there is no config.py here, no such inventory, or its data are wrong.
    """

    def named() -> Inventory:
        # Looked up at the call: config.py has put the engine's own in its place.
        found: Inventory = pyinfra_cli.make_inventory(
            f"inventories/{environment}.py", cwd=str(Path.cwd())
        )
        return found

    return _opened(named)


def open_machines(environment: str, machines: Mapping[str, Mapping[str, Any]]) -> Inventory:
    """Return an inventory of machines that no file names yet; nothing is validated or connected.

    Args:
        environment: whose sudo password they have, if there is one.
        machines: what the connector must know of each, by name.

    Raises:
        BadInput: there is no config.py here.
    """

    def given() -> Inventory:
        store = SecretStore(Path(".secrets") / environment)
        runs.current().part(ConnectionContext).secrets = store
        return Inventory(([(name, dict(data)) for name, data in machines.items()], {"_sudo": True}))

    return _opened(given)


def _opened(make: Callable[[], Inventory]) -> Inventory:
    directory = Path.cwd()
    if not (directory / "config.py").is_file():
        raise BadInput("there is no config.py here: go to the repository's directory")
    if str(directory) not in sys.path:
        sys.path.append(str(directory))
    state, config = State(), Config()
    state.cwd = str(directory)
    ctx_state.set(state)  # from here on it is this process' run, as with pyinfra's own command
    with _plainly():
        with ctx_config.use(config):
            exec_file(str(directory / "config.py"))
            inventory = make()
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
