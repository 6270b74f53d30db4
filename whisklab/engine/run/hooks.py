"""Where the engine hooks into pyinfra 3.10; all of it, so that an upgrade has one place to look.

`install` is called by config.py, which pyinfra reads before it makes the inventory.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import paramiko.config
import pyinfra.api.host as api_host
import pyinfra.api.inventory as api_inventory
import pyinfra.api.operations as api_operations
import pyinfra.api.state as api_state
import pyinfra.connectors.ssh as ssh_connector
import pyinfra.connectors.sshuserclient.client as user_client
import pyinfra_cli.cli as pyinfra_cli
import pyinfra_cli.inventory as cli_inventory
import pyinfra_cli.util as cli_util
from pyinfra import logger
from pyinfra.api.command import (
    FileUploadCommand,
    FunctionCommand,
    PyinfraCommand,
    RsyncCommand,
    StringCommand,
)
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.api.state import BaseStateCallback
from pyinfra_cli.exceptions import CliError, UnexpectedExternalError

from whisklab.engine import runlog, runs
from whisklab.engine.data.settings import Settings
from whisklab.engine.facts import asking
from whisklab.engine.run import environment, speed
from whisklab.engine.run.intent import Intent
from whisklab.engine.runlog import RunLog
from whisklab.engine.runs import Run
from whisklab.engine.ssh import locks, matched, patience, proxied
from whisklab.engine.ssh.channels import ConnectionContext
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.errors import BadInput, WhisklabError


class Watchers(list[BaseStateCallback]):
    """Those that hear of a run's operations; who prepares a run puts them here."""


class Sentence(CliError):
    """A WhisklabError on its way through click: the sentence, its exit code, no traceback."""

    def __init__(self, error: WhisklabError) -> None:
        super().__init__(str(error))
        _replace(self, "exit_code", error.exit_code)

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

    _replace(pyinfra_cli, "State", begun)
    try:
        yield
    finally:
        _replace(pyinfra_cli, "State", stock)


def install(models: Iterable[type[Settings]]) -> None:
    """Put the engine's connector, checks and error sentences in place. Idempotent.

    Args:
        models: the settings of all capabilities, against which the data are validated.
    """
    if installed():
        return
    _replace_connector()
    _never_prompt()
    _hide_values()
    _quiet_paramiko()
    _lock_changes()
    _ask_ahead()
    _fail_hosts()
    _replace_inventory(list(models))
    _refuse_no_hosts()
    _replace_tracebacks()
    speed.install()


def _replace(owner: Any, name: str, value: object) -> None:  # noqa: ANN401  a module or a class
    setattr(owner, name, value)


def _replace_connector() -> None:
    stock: Callable[[], dict[str, Any]] = api_inventory.get_execution_connectors
    _replace(api_inventory, "get_execution_connectors", lambda: {**stock(), "ssh": WhiskSSH})
    _replace(user_client, "SSHConfig", proxied.Config)
    _replace(ssh_connector, "SSHClient", proxied.Client)
    _replace(paramiko.config, "invoke", matched)


def _never_prompt() -> None:
    # The connector has asked sudo already; a prompt in the middle of a run would hang it.
    def execute(_host: object, _arguments: object, run: Callable[[], Any]) -> Any:  # noqa: ANN401
        return run()

    _replace(ssh_connector, "execute_command_with_sudo_retry", execute)


def _lock_changes() -> None:
    stock = StringCommand.execute

    def execute(
        self: StringCommand,
        state: api_state.State,
        host: Host,
        *args: Any,  # noqa: ANN401
        **kwargs: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        with locks.changing(), patience.told(host, self):
            return stock(self, state, host, *args, **kwargs)

    _replace(StringCommand, "execute", execute)


def _ask_ahead() -> None:
    ask = api_host.get_fact

    def get_fact(
        state: api_state.State,
        host: Host,
        fact: Any,  # noqa: ANN401  a fact, or a short one of pyinfra's own
        args: Any = None,  # noqa: ANN401
        kwargs: Any = None,  # noqa: ANN401
        **rest: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        found = None if args else asking.known(host, fact, kwargs or {})
        return found[0] if found else ask(state, host, fact, args=args, kwargs=kwargs, **rest)

    _replace(api_host, "get_fact", get_fact)
    for kind in (StringCommand, FunctionCommand, FileUploadCommand, RsyncCommand):
        _count(kind)


def _count(kind: type[PyinfraCommand]) -> None:
    stock = kind.execute

    def execute(self: PyinfraCommand, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        with asking.changing():  # it may do anything
            return stock(self, *args, **kwargs)

    _replace(kind, "execute", execute)


def _fail_hosts() -> None:
    stock = api_operations.run_host_op

    def run_host_op(state: api_state.State, host: Host, op_hash: str) -> bool | None:
        try:
            return stock(state, host, op_hash)
        except WhisklabError as error:
            # An operation's body, which runs again now, could not read what it needs.
            logger.error("%s%s", host.print_prefix, error)
            state.get_results_for_host(host).error_ops += 1
            return False

    _replace(api_operations, "run_host_op", run_host_op)


def _hide_values() -> None:
    # --debug shows group data and what SSH connects with; passwords are among them.
    def names_only(record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                sorted(each) if isinstance(each, dict) else each for each in record.args
            )
        return True

    logger.addFilter(names_only)


def _quiet_paramiko() -> None:
    # Its transport thread logs a traceback for what the connector tells in one sentence.
    if not logging.getLogger().handlers:  # pyinfra --debug-all wants to see everything
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)


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

    _replace(pyinfra_cli, "make_inventory", make_inventory)


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

    _replace(api_state.State, "init", init)


def _replace_tracebacks() -> None:
    def external(error: Exception, filename: str) -> click.ClickException:
        if isinstance(error, WhisklabError):
            return Sentence(error)
        return UnexpectedExternalError(error, filename)

    _replace(cli_util, "UnexpectedExternalError", external)


class _sentences:  # noqa: N801  used like a function
    """Context manager: a WhisklabError leaves as a Sentence."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, WhisklabError):
            raise Sentence(error) from error
