"""Hosts are reached by our connector, asked ahead and changed under a lock."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import paramiko.config
import pyinfra.api.host as api_host
import pyinfra.api.inventory as api_inventory
import pyinfra.api.operations as api_operations
import pyinfra.api.state as api_state
import pyinfra.connectors.ssh as ssh_connector
import pyinfra.connectors.sshuserclient.client as user_client
from pyinfra import logger
from pyinfra.api.command import (
    FileUploadCommand,
    FunctionCommand,
    PyinfraCommand,
    RsyncCommand,
    StringCommand,
)
from pyinfra.api.host import Host

from whisklab.engine.facts import asking
from whisklab.engine.run.hooks.replacing import replace
from whisklab.engine.ssh import locks, matched, patience, proxied
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.errors import WhisklabError


def install() -> None:
    """Put our connector in place, and what goes with each command and question."""
    _replace_connector()
    _never_prompt()
    _hide_values()
    _quiet_paramiko()
    _lock_changes()
    _ask_ahead()
    _fail_hosts()


def _replace_connector() -> None:
    stock: Callable[[], dict[str, Any]] = api_inventory.get_execution_connectors
    replace(api_inventory, "get_execution_connectors", lambda: {**stock(), "ssh": WhiskSSH})
    replace(user_client, "SSHConfig", proxied.Config)
    replace(ssh_connector, "SSHClient", proxied.Client)
    replace(paramiko.config, "invoke", matched)


def _never_prompt() -> None:
    # The connector has asked sudo already; a prompt in the middle of a run would hang it.
    def execute(_host: object, _arguments: object, run: Callable[[], Any]) -> Any:  # noqa: ANN401
        return run()

    replace(ssh_connector, "execute_command_with_sudo_retry", execute)


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

    replace(StringCommand, "execute", execute)


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

    replace(api_host, "get_fact", get_fact)
    for kind in (StringCommand, FunctionCommand, FileUploadCommand, RsyncCommand):
        _count(kind)


def _count(kind: type[PyinfraCommand]) -> None:
    stock = kind.execute

    def execute(self: PyinfraCommand, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        with asking.changing():  # it may do anything
            return stock(self, *args, **kwargs)

    replace(kind, "execute", execute)


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

    replace(api_operations, "run_host_op", run_host_op)


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
