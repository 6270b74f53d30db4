"""pyinfra's command: it reads our inventories, begins our runs, and ends in sentences."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pyinfra.api.state as api_state
import pyinfra_cli.cli as pyinfra_cli
import pyinfra_cli.inventory as cli_inventory
import pyinfra_cli.util as cli_util
from pyinfra import logger
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import BaseStateCallback
from pyinfra_cli.exceptions import CliError, UnexpectedExternalError

from whisklab.engine import runlog, runs
from whisklab.engine.data.settings import Settings
from whisklab.engine.run import environment
from whisklab.engine.run.hooks.replacing import replace
from whisklab.engine.run.intent import Intent
from whisklab.engine.runlog import RunLog
from whisklab.engine.runs import Run
from whisklab.engine.ssh.channels import ConnectionContext
from whisklab.errors import BadInput, WhisklabError


class Watchers(list[BaseStateCallback]):
    """Those that hear of a run's operations; who prepares a run puts them here."""


class Sentence(CliError):
    """A WhisklabError on its way through click: the sentence, its exit code, no traceback."""

    def __init__(self, error: WhisklabError) -> None:
        super().__init__(str(error))
        replace(self, "exit_code", error.exit_code)

    def show(self, file: Any = None) -> None:  # noqa: ANN401, ARG002  click's signature
        """Print each line of the message as an error."""
        for line in self.message.splitlines():
            logger.error("--> %s", click.style(line, "red"))


def installed() -> bool:
    """Tell whether this process runs with our connector and checks."""
    return bool(pyinfra_cli.make_inventory.__module__ == __name__)


@contextmanager
def beginning(run: Run) -> Iterator[None]:
    """Make `run` that of the State which pyinfra's command makes in this context."""
    stock = pyinfra_cli.State

    def begun(*args: Any, **kwargs: Any) -> api_state.State:  # noqa: ANN401
        state = stock(*args, **kwargs)
        runs.begin(state, run)
        return state

    replace(pyinfra_cli, "State", begun)
    try:
        yield
    finally:
        replace(pyinfra_cli, "State", stock)


def install(models: list[type[Settings]]) -> None:
    """Have the data checked as the inventory is read, and errors told as sentences."""
    _replace_inventory(models)
    _refuse_no_hosts()
    _replace_tracebacks()


def _replace_inventory(models: list[type[Settings]]) -> None:
    stock: Callable[..., Inventory] = pyinfra_cli.make_inventory

    def make_inventory(given: str, *args: Any, **kwargs: Any) -> Inventory:  # noqa: ANN401
        with _sentences():
            path = environment.check_path(given)
            environment.check_data_files(Path.cwd())
            environment.check_groups(path, cli_inventory._get_groups_from_filename(given))
            inventory = stock(given, *args, **kwargs)
            run, context = runs.current(), click.get_current_context(silent=True)
            run.part(Intent).dry = bool(context and context.params.get("dry"))
            opened = environment.open_environment(run, path, inventory, models)
            connections = run.part(ConnectionContext)
            connections.secrets = opened.store
            connections.log = RunLog(opened.logs, runlog.story(sys.argv), opened.store.texts)
        return inventory

    replace(pyinfra_cli, "make_inventory", make_inventory)


def _refuse_no_hosts() -> None:
    stock = api_state.State.init

    def init(
        self: api_state.State,
        inventory: Inventory,
        config: Any,  # noqa: ANN401
        initial_limit: list[Host] | None = None,
    ) -> None:
        if initial_limit is not None and not initial_limit:
            names = ", ".join(host.name for host in inventory)
            raise Sentence(BadInput(f"--limit leaves no host: there are {names}"))
        stock(self, inventory, config, initial_limit=initial_limit)
        for watcher in runs.of(self).part(Watchers):
            self.add_callback_handler(watcher)

    replace(api_state.State, "init", init)


def _replace_tracebacks() -> None:
    def external(error: Exception, filename: str) -> click.ClickException:
        if isinstance(error, WhisklabError):
            return Sentence(error)
        return UnexpectedExternalError(error, filename)

    replace(cli_util, "UnexpectedExternalError", external)


class _sentences:  # noqa: N801  used like a function
    """Context manager: a WhisklabError leaves as a Sentence."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WhisklabError):
            raise Sentence(error) from error
