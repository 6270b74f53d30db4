"""The token of the cluster: a running one is never replaced, a new cluster gets a new one."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.context import ctx_state

from deploys.k3s import render
from deploys.k3s.facts import TokenDigest
from deploys.k3s.settings import K3sSettings
from whisklab.engine.facts import everywhere
from whisklab.engine.run.environment import current
from whisklab.engine.ssh.remote import run_quietly
from whisklab.errors import WhisklabError

NAME = "k3s_token"  # of its file
LENGTH = 32  # random bytes
_LONG = re.compile(r"K10[0-9a-f]{64}::[^:]+:(.+)")  # the form that also names the CA


@dataclass(frozen=True)
class Running:
    """A server that has the state of a cluster, and the SHA-256 of the cluster's token."""

    server: Host
    digest: str


def short(text: str) -> str:
    """Return the token itself, of either form. Pure."""
    found = _LONG.fullmatch(text.strip())
    return found[1] if found else text.strip()


def digest(text: str) -> str:
    """Return what `TokenDigest` says of a token. Pure."""
    return hashlib.sha256(short(text).encode()).hexdigest()


def path(server: Host) -> str:
    """Return where k3s itself keeps the token on a server."""
    return f"{data(server)}/server/token"


def data(server: Host) -> str:
    """Return the directory of all that k3s keeps on a server."""
    return str(K3sSettings.of(server).server_config.get("data-dir", render.DATA))


def running(servers: list[Host]) -> Running | None:
    """Return the first server that has a cluster's state; None when there is no cluster yet.

    Asked once in a run, of the servers in it, or else of the first one.

    Raises:
        WhisklabError: that one does not answer.
    """

    def look() -> Running | None:
        active = ctx_state.get().inventory.get_active_hosts()
        asked = [each for each in servers if each in active]
        if not asked:
            _reach(servers[0])
        for server in asked or servers[:1]:
            found = server.get_fact(TokenDigest, path=path(server))
            if found:
                return Running(server, found)
        return None

    return everywhere.once("k3s token", look)


def _reach(server: Host) -> None:
    # A run limited to other machines has not connected to it.
    try:
        server.connect(reason="for the token", show_errors=False, raise_exceptions=True)
    except ConnectError as error:
        raise WhisklabError(str(error)) from error


def token(servers: list[Host]) -> str:
    """Return the cluster's token: the one on the laptop, else the running one, else a new one.

    Raises:
        WhisklabError: no server can be asked.
    """
    store = current().store
    known = store.value(NAME)
    if known is not None:
        return known
    found = running(servers)
    if found is None:
        return store.propose(NAME, secrets.token_hex(LENGTH), "is generated")
    text = run_quietly(found.server, StringCommand("cat", QuoteString(path(found.server))))
    return store.propose(NAME, short(text), f"is taken over from {found.server.name}")


def refusal(servers: list[Host]) -> str | None:
    """Return why the token of the laptop must not go onto the machines; None when it may."""
    store = current().store
    known, found = store.value(NAME), running(servers)
    if known is None or found is None or digest(known) == found.digest:
        return None
    return (
        f"{store.path(NAME)}: another token than the cluster on {found.server.name} has, with "
        f"which no k3s would start again: remove it and run `whisklab adopt {current().name}` to "
        "take the running one over, or change the cluster's first, with `k3s token rotate` there"
    )
