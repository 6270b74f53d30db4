"""The verbs that keep a lab, bring it back, and copy it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from whisklab.cli.lab import names
from whisklab.cli.notes import notes_of
from whisklab.cli.progress import Progress
from whisklab.cli.settle import settled
from whisklab.cli.tables import size, table
from whisklab.errors import BadInput, WhisklabError
from whisklab.lab import snapshots as labs
from whisklab.lab import state, status
from whisklab.lab.provider import Snapshot

_lab = click.argument("lab")
_name = click.argument("name", required=False)
_DAY = 86400
_SOON = 120 * _DAY  # k3s renews certificates that end within so many days when it starts
_BUSY = 75  # what flock ends with here when somebody has the lock


@click.command()
@_lab
@_name
@click.option("--delete", is_flag=True, help="Remove the snapshot NAME instead.")
def snapshot(lab: str, name: str | None, delete: bool) -> None:
    """Keep LAB as it is now under NAME, or under the time: disks, keys, secrets, data.

    A lab that runs is stopped for it, nodes first, and started again. It outlives `whisklab down`.
    """
    if delete and name is None:
        raise BadInput("which snapshot is to be removed? `whisklab snapshot LAB NAME --delete`")
    started = time.monotonic()
    with Progress() as progress:
        if delete:
            gone = labs.delete(lab, str(name), progress.report)
            click.echo(f"removed: {lab}@{gone.name}")
            return
        _refuse_deploy(lab)
        taken = labs.take(lab, name, notes_of(lab), progress.report)
    known = state.load(lab)
    again = _settled(lab) if known and known.running else f"{lab} is stopped, as before"
    spent = time.monotonic() - started
    much = f"{size(taken.size)}, " if taken.size else ""
    click.echo(f"{lab}@{taken.name}: {much}in {spent:.0f} s; {again}")


@click.command()
@_lab
@click.option("--json", "as_json", is_flag=True, help="As JSON, on stdout.")
def snapshots(lab: str, as_json: bool) -> None:
    """List the snapshots of LAB, the oldest first: name, age, size, and what is deployed in them.

    The size counts what a snapshot shares with the lab and with others, too.
    """
    with Progress() as progress:
        there = labs.listed(lab, progress.report)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in there], indent=1))
    elif not there:
        click.echo(f"{lab} has no snapshot: `whisklab snapshot {lab}` takes one")
    else:
        now = time.time()
        head = ("name", "age", "size", "machines", "certificates", "deployed")
        for line in table([head, *(row(each, now) for each in there)]):
            click.echo(line)


@click.command()
@_lab
@_name
def restore(lab: str, name: str | None) -> None:
    """Have LAB as it was when the snapshot NAME (or the newest) was taken, and start it.

    What LAB is now is lost, unless you take a snapshot of it before. LAB need not be there.
    """
    with Progress() as progress:
        if state.load(lab) is not None:
            _refuse_deploy(lab)
        done = labs.restore(lab, name, progress.report)
    _tell(done, _settled(lab))


@click.command()
@click.argument("source", metavar="LAB[@NAME]")
@click.argument("other")
def clone(source: str, other: str) -> None:
    """Make a lab OTHER as a copy of LAB, or of its snapshot NAME, and start it beside LAB.

    Inside it is the same, addresses and keys too. It gets a network, forwarded ports, an inventory,
    data and secrets of its own, so that `whisklab plan OTHER` finds nothing to change.
    """
    lab, at, name = source.partition("@")
    if at and not name:
        raise BadInput(f"{source!r}: expected LAB or LAB@NAME")
    with Progress() as progress:
        if not name:
            _refuse_deploy(lab)
        done = labs.clone(lab, name or None, other, progress.report)
    _tell(done, _settled(other))


def _settled(lab: str) -> str:
    from whisklab.engine.run.start import run  # noqa: F401, PLC0415  first: it patches the library

    _own_kubeconfig(lab)
    with Progress() as progress:  # of its own: on a terminal one is a thread
        return settled(lab, progress.report)


def _tell(done: labs.Restored, sentence: str) -> None:
    if old := old_certificates(done.notes, time.time()):
        click.echo(old)
    if done.dropped:
        click.echo(f"not in the snapshot, and gone: {names(done.dropped)}")
    for path in done.kept:
        click.echo(f"put aside, as it differs from the snapshot's: {path}")
    for path in done.changed:
        click.echo(f"{path} is not as it was when the snapshot was taken; it is left so")
    spent = "  ".join(f"{what} {seconds:.1f} s" for what, seconds in done.up.seconds.items())
    click.echo(f"{sentence} ({spent})")


def _own_kubeconfig(lab: str) -> None:
    """Have the kubeconfig of a lab lead to where its API is forwarded now, under its own name."""
    known = status.known(lab)
    file = Path(".secrets") / lab / "kubeconfig"
    port = next((host.forwards["6443"] for host in known.hosts if "6443" in host.forwards), None)
    if port is None or not file.is_file():
        return
    from deploys.k3s.contexts import Odd, named  # noqa: PLC0415
    from whisklab.engine.data.secrets import SecretStore  # noqa: PLC0415

    try:
        text = named(file.read_text(encoding="utf-8"), f"127.0.0.1:{port}", lab)
    except Odd as error:
        raise WhisklabError(f"{file}: {error}: remove it, and deploy the lab again") from error
    SecretStore(file.parent).write(file.name, text)


def _refuse_deploy(lab: str) -> None:
    """Refuse while a run changes a host of the lab.

    Raises:
        WhisklabError: names the host, and who is at work.
    """
    from whisklab.engine.ssh.locks import DIRECTORY  # noqa: PLC0415

    known = status.known(lab)
    up = {each["name"] for each in status.read(lab)["hosts"] if each["state"] == "up"}
    ask = (
        f"flock -n -E {_BUSY} {DIRECTORY}/run.lock true 2>/dev/null ||"
        f" {{ test $? = {_BUSY} && cat {DIRECTORY}/run.holder; }}"
    )
    argv = {
        name: status.ssh_command(known, name, [f"test ! -d {DIRECTORY} || sudo sh -c '{ask}'"])
        for name in sorted(up)
    }
    with ThreadPoolExecutor() as pool:
        for name, said in zip(argv, pool.map(_said, argv.values()), strict=True):
            if said:
                raise WhisklabError(
                    f"{lab}: a run is changing {name}: {said}; wait for its end, or end it first"
                )


def _said(argv: list[str]) -> str:
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def row(snapshot: Snapshot, now: float) -> tuple[str, ...]:
    """One line of the list. Pure."""
    return (
        snapshot.name,
        age(now - snapshot.created),
        size(snapshot.size) if snapshot.size else "",
        str(len(snapshot.machines)),
        _certificates(snapshot.notes, now),
        ", ".join(snapshot.notes.get("deployed", [])) or "unknown",
    )


def old_certificates(notes: Mapping[str, Any], now: float) -> str | None:
    """What is to be said of the certificates of a restored lab, if anything is. Pure."""
    until = notes.get("certificates_until")
    if until is None or until - now > _SOON:
        return None
    ended = "have ended" if until < now else "end soon"
    return (
        f"its certificates {ended}: k3s makes new ones as it starts, and `whisklab apply` fetches"
        " the kubeconfig that goes with them"
    )


def _certificates(notes: Mapping[str, Any], now: float) -> str:
    until = notes.get("certificates_until")
    if until is None:
        return ""
    days = int((until - now) // _DAY)
    return f"{days} days left" if days >= 0 else f"ended {-days} days ago"


def age(seconds: float) -> str:
    """A length of time for people: in the largest unit of which there are two. Pure."""
    for unit, length in (("days", _DAY), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
