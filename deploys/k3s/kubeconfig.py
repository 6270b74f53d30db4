"""The kubeconfig on the laptop: one of the environment's own, and on request the user's."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from pathlib import Path

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from deploys.k3s import render
from deploys.k3s.contexts import Odd, merged, named, same, unmerged
from whisklab.engine.kubernetes import kube
from whisklab.engine.reasons import because, unknown_until
from whisklab.engine.run.environment import current
from whisklab.engine.ssh.remote import call
from whisklab.errors import WhisklabError

NAME = "kubeconfig"  # of its file in the secrets store


@operation()
def saved(server: str, *, merge: bool) -> Generator[FunctionCommand]:
    """Have the cluster's kubeconfig in the secrets store; yields nothing when it is there.

    Args:
        server: `host:port` of the API as the laptop reaches it.
        merge: have it in the user's own kubeconfig, too; else have nothing of ours in that.
    """
    environment = current()

    def wish(leader: Host) -> str:
        try:
            return named(kube.kubeconfig(leader, render.KUBECONFIG), server, environment.name)
        except Odd as error:
            remedy = "`systemctl restart k3s` there has it written anew"
            raise WhisklabError(f"{leader.name}: {render.KUBECONFIG}: {error}: {remedy}") from error

    def save(leader: Host) -> None:
        ours = wish(leader)
        environment.store.write(NAME, ours)
        _have(*_owns(ours, environment.name, merge=merge))

    try:
        wanted = wish(host)
    except WhisklabError:
        unknown_until("the server runs")
        yield call(save)
        return
    if environment.store.read(NAME) != wanted.strip():
        because("it is missing, or another cluster's")
        yield call(save)
    elif not same(*_owns(wanted, environment.name, merge=merge)):
        because(f"{own()} {'has not' if merge else 'still has'} its context {environment.name}")
        yield call(save)


def _owns(ours: str, name: str, *, merge: bool) -> tuple[str | None, str | None]:
    """Return what the user's kubeconfig says, and what it should say; None: no file."""
    try:
        theirs = own().read_text() if own().exists() else None
        return theirs, merged(theirs, ours) if merge else unmerged(theirs, name)
    except (OSError, UnicodeDecodeError, Odd) as error:
        if not merge:
            return None, None  # nothing of ours can be in there
        raise WhisklabError(f"{own()} cannot be read: {error}: mend it") from error


def own() -> Path:
    """Return the user's own kubeconfig, which need not be there."""
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else Path.home() / ".kube" / "config"


def _have(theirs: str | None, wanted: str | None) -> None:
    if same(theirs, wanted):
        return
    if wanted is None:
        own().unlink()
    else:
        _write(own().resolve(), wanted)  # many have a link there, to where they keep such files


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    part.replace(path)
