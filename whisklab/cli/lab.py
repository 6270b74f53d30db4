"""The verbs for the life of a lab."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click

from whisklab.cli.logs import Log
from whisklab.cli.progress import Progress
from whisklab.cli.tables import size, table
from whisklab.lab import manage, snapshots
from whisklab.lab import status as statuses
from whisklab.lab.manage import Brought
from whisklab.lab.provider import Unused
from whisklab.lab.topology import check_lab_name

_lab = click.argument("lab")


@click.command()
@_lab
@click.option(
    "--topology",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The machines to make; inventories/LAB.yaml unless given.",
)
@click.option(
    "--catalogue",
    type=click.Choice(["auto", "upstream", "standins"]),
    help="Where artifacts come from; the topology says it unless given.",
)
@click.option("--prune", is_flag=True, help="Remove machines that are not in the topology.")
@click.option("--recover", is_flag=True, help="Bring back machines that somebody has deleted.")
@click.option("--yes", is_flag=True, help="Do not ask before --prune makes snapshots useless.")
def up(
    lab: str, topology: Path | None, catalogue: str | None, prune: bool, recover: bool, yes: bool
) -> None:
    """Bring up the machines of LAB: make or start what is missing, leave the rest alone."""
    file = topology or Path("inventories") / f"{check_lab_name(lab)}.yaml"
    if prune and not yes:
        _confirm_lost(lab)
    with Progress(Log(f"up-{check_lab_name(lab)}")) as progress:
        result = manage.up(
            lab, file, progress.report, catalogue=catalogue, prune=prune, recover=recover
        )
    print_up(lab, result)


@click.command()
@_lab
def start(lab: str) -> None:
    """Start the machines of a stopped LAB, as they were."""
    with Progress(Log(f"start-{check_lab_name(lab)}")) as progress:
        result = manage.up(lab, None, progress.report)
    print_up(lab, result)


@click.command()
@_lab
@click.argument("host", nargs=-1)
@click.option("--yes", is_flag=True, help="Do not ask before it makes snapshots useless.")
def rebuild(lab: str, host: tuple[str, ...], yes: bool) -> None:
    """Give the HOSTs of LAB fresh disks, or all of them; addresses, ports and keys stay."""
    if not yes:
        _confirm_lost(check_lab_name(lab))
    with Progress(Log(f"rebuild-{check_lab_name(lab)}")) as progress:
        result = manage.rebuild(lab, host, progress.report)
    print_up(lab, result)


@click.command()
@_lab
def stop(lab: str) -> None:
    """Power the machines of LAB off; their disks, addresses and ports stay."""
    with Progress() as progress:
        result = manage.stop(lab, progress.report)
    click.echo(f"stopped: {names(result.machines)}")
    if result.killed:
        click.echo(f"killed, as they did not power off in time: {names(result.killed)}")


@click.command()
@_lab
@click.option(
    "--images", is_flag=True, help="Also remove cached images and builds that nothing uses."
)
@click.option(
    "--unknown", is_flag=True, help="Also a LAB that another state directory knows, or none."
)
@click.option("--yes", is_flag=True, help="Do not ask before virtual machines are removed.")
def down(lab: str, images: bool, unknown: bool, yes: bool) -> None:
    """Remove LAB: its machines, disks, networks and keys. The image stays for the next one."""
    if not yes and manage.asks(lab):
        machines = names(host.name for host in statuses.known(lab).hosts)
        click.confirm(f"remove {machines} with their disks and snapshots?", abort=True, err=True)
    with Progress() as progress:
        removed = manage.down(lab, progress.report, unknown=unknown)
        cleaned = manage.clean(progress.report) if images else None
    click.echo(f"removed: {names(removed)}")
    if cleaned is not None:
        _print_unused(cleaned, "removed")


@click.command()
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
def clean(dry_run: bool) -> None:
    """Remove cached images, and builds of stand-ins, that no lab and no snapshot uses."""
    with Progress() as progress:
        found = manage.clean(progress.report, dry=dry_run)
    _print_unused(found, "would be removed" if dry_run else "removed")


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@_lab
@click.argument("host")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def ssh(lab: str, host: str, command: tuple[str, ...]) -> None:
    """Log into HOST of LAB, or run a command there: `whisklab ssh lab master -- uname -a`."""
    argv = statuses.ssh_command(statuses.known(lab), host, list(command[command[:1] == ("--",) :]))
    os.execvp(argv[0], argv)  # noqa: S606 (ssh takes over this terminal)


def _confirm_lost(lab: str) -> None:
    """Ask before snapshots become useless: those of virtual machines lie with each of them."""
    if manage.asks(lab) and (there := snapshots.listed(lab, lambda _line: None)):
        called = names(each.name for each in there)
        click.confirm(
            f"a machine that goes takes its part of each snapshot along, and {lab} could be "
            f"restored to none of these any more: {called}. Go on?", abort=True, err=True,
        )  # fmt: skip


def print_up(lab: str, result: Brought) -> None:
    """Show what `whisklab.lab.manage.up` returned, and how to reach the machines."""
    if result.up.left:
        click.echo(f"not in the topology, removed with --prune: {names(result.up.left)}")
    if not result.up.started and not result.first:
        click.echo(f"{lab}: nothing to do, all machines are up")
        return
    known = statuses.known(lab)
    rows = [
        (host.name, ",".join(host.groups), host.address, f"whisklab ssh {lab} {host.name}")
        for host in known.hosts
    ]
    for line in table([("host", "groups", "address", "reach it with"), *rows]):
        click.echo(line)
    spent = "  ".join(f"{name} {seconds:.1f} s" for name, seconds in result.up.seconds.items())
    click.echo(f"{lab} is up: {spent}")
    kind = "upstream" if known.catalogue == "upstream" else f"stand-ins, {known.catalogue}"
    click.echo(f"artifacts: {kind} ({result.choice.why})")


def _print_unused(found: tuple[Unused, ...], done: str) -> None:
    for line in table([(size(each.size), each.what) for each in found]):
        click.echo(line)
    click.echo(f"{done}: {size(sum(each.size for each in found)) if found else 'nothing'}")


def names(machines: Iterable[str]) -> str:
    """Write names for people."""
    return ", ".join(machines) or "nothing"
