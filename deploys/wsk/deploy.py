"""The OpenWhisk CLI on the servers, and whom it talks to."""

from __future__ import annotations

from collections.abc import Callable

from pyinfra import host

from deploys.wsk import render
from deploys.wsk.facts import Accounts
from deploys.wsk.settings import WskSettings
from whisklab.engine.artifacts.catalogue import opened
from whisklab.engine.artifacts.entries import Artifact
from whisklab.engine.data.machine import Machine, architecture
from whisklab.engine.resources import files, pushing, room
from whisklab.engine.run.capability import capability

ROOT = "root"


def _program() -> Artifact:
    machine = Machine.of(host)
    catalogue = opened(machine.catalogue, machine.mirror)
    return catalogue.artifact("wsk", WskSettings.of(host).version, "wsk", architecture(host))


@capability("wsk", "fetch")
def fetch() -> None:
    """Have it on the laptop before any host is changed."""
    room.room(name="Room for wsk", files=[(_program(), render.BINARY)])
    pushing.fetched(name="wsk in the cache", artifact=_program(), path=render.BINARY)


@capability("wsk", "files")
def install(api_host: str, auth: Callable[[], str]) -> None:
    """Have it in /usr/local/bin, and the property files of root and of the user who logs in.

    Args:
        api_host: `host:port` of OpenWhisk's API, unless the data say another.
        auth: returns the key of its guests, which is used unless the data have another.
    """
    pushing.pushed(name="wsk", artifact=_program(), path=render.BINARY)
    content = render.properties(WskSettings.of(host), api_host, auth())
    users = list(dict.fromkeys([ROOT, str(host.data.get("ssh_user") or ROOT)]))
    for account in host.get_fact(Accounts, users=users):
        files.content(
            name=f"Whom {account.user}'s wsk talks to",
            path=f"{account.home}/{render.FILE}",
            content=content,
            mode="600",
            owner=f"{account.user}:{account.group}",
            secret=True,
        )
