"""A whole lab, as root sees it: up, stop, rebuild, down. Each may be run again after a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.laps import Laps
from whisklab.lab.common.lock import locked
from whisklab.lab.common.machine import SSH, Machine
from whisklab.lab.common.process import alive, has_child
from whisklab.lab.common.removal import remove_tree
from whisklab.lab.common.run import Report
from whisklab.lab.providers.nspawn import (
    hosts,
    image,
    journal,
    lab_network,
    modules,
    plan,
    requirements,
    snapshots,
    store,
    sysctl,
)
from whisklab.lab.providers.nspawn.journal import Journal
from whisklab.lab.providers.nspawn.layout import LABS, STORE, record_of
from whisklab.lab.providers.nspawn.ready import tail, wait_for_ssh
from whisklab.lab.providers.nspawn.record import Record
from whisklab.lab.providers.nspawn.spec import LabSpec


def up(spec: LabSpec, owner: int, report: Report, *, prune: bool = False) -> dict[str, Any]:
    """Make or start whatever is missing and wait for the SSH banner of every host.

    Returns:
        Ports and images of the hosts, which were made and started, which are not in the topology.
    """
    laps = Laps()
    requirements.ensure(programs(spec), report)
    book = journal.begin(spec, owner)
    disks = store.open_for_lab(report)
    disks.sweep(spec.name, snapshots.kept(book))
    _check_addresses(spec, book.record)
    gone = _not_wanted(spec, book, report, prune=prune)
    made = hosts.choose_image(book, spec, report)
    laps.lap("image")
    with locked("machine", report):
        sysctl.make_room(_hosts_on_machine(book, spec))
        modules.load(report)
    lab_network.ensure(book, spec)
    laps.lap("network")
    if not book.paths.disks.is_dir():
        disks.create(book.paths.disks)
    started = []
    for host in spec.hosts:
        hosts.make_disk(book, spec, host)
        if not alive(book.record.hosts[host.name].keeper):
            _start(book, spec, host, report)
            started.append(host.name)
        hosts.forward(book, host)
    book.record.paused = False
    book.save()
    laps.lap("disks")
    started += _wait(spec, book, started, report)
    laps.lap("boot to SSH")
    return {
        "hosts": {host.name: book.record.hosts[host.name].ports for host in spec.hosts},
        "made": made,
        "started": started,
        "removed" if prune else "left": gone,
        "seconds": laps.spent,
    }


def prepare(spec: LabSpec, report: Report) -> dict[str, Any]:
    """Make the images that a lab's hosts will be made of; the lab itself is not begun."""
    requirements.ensure(programs(spec), report)
    with locked("images", report):
        base = image.ensure(report)
        for kernel in dict.fromkeys(host.kernel for host in spec.hosts):
            plan.kind(kernel).image(base, report)
    return {}


def stop(name: str, owner: int, report: Report) -> dict[str, Any]:
    """Power every host off and remove all of the lab that runs; disks and ports are kept."""
    book = known(name, owner)
    book.record.paused = False
    return power_off(book, report)


def power_off(book: Journal, report: Report) -> dict[str, Any]:
    """Do what `stop` does, for whoever starts the lab again."""
    running = [host for host, record in book.record.hosts.items() if alive(record.keeper)]
    if running:
        report(f"powering off {', '.join(running)}")
    killed = hosts.power_off(book, list(book.record.hosts))
    lab_network.remove(book)
    return {"stopped": running, "killed": killed}


def halt(book: Journal) -> None:
    """End all of a lab that runs at once, as a power cut would; disks and ports are kept."""
    for name in book.record.hosts:
        hosts.release(book, name)
    lab_network.remove(book)


def rebuild(spec: LabSpec, owner: int, report: Report, names: list[str]) -> dict[str, Any]:
    """Give hosts fresh disks; their addresses, ports and host keys stay."""
    book = known(spec.name, owner)
    wanted = {host.name for host in spec.hosts}
    if strangers := [name for name in names if name not in wanted]:
        raise BadInput(f"the lab {spec.name!r} has no host {strangers[0]!r}")
    for name in names or sorted(wanted & set(book.record.hosts)):
        if name in book.record.hosts:
            report(f"removing the disk of {name}")
            ports = book.record.hosts[name].ports
            book.record.hosts[name].disk_done = False
            hosts.release(book, name)
            remove_tree(book.paths.host(name).top, book.paths.disks)
            book.record.hosts[name].ports = ports
            book.save()
    return up(spec, owner, report)


def down(name: str, owner: int, report: Report) -> dict[str, Any]:
    """Remove a lab: exactly what its record names, the record last; nothing if there is none."""
    book = journal.read(name, owner)
    if book is None:
        _remove_beginning(record_of(name))
        return {"removed": []}
    removed = list(book.record.hosts)
    for host in removed:
        report(f"removing {host}")
        hosts.delete(book, host)
    lab_network.remove(book)
    disks = store.open_for_lab(report)
    if disks.top in book.paths.disks.parents:  # those of an older lab lie beside its record
        disks.remove(book.paths.disks)
    disks.sweep(name, snapshots.kept(None, name))
    remove_tree(book.paths.top, LABS)
    with locked("machine", report):
        if not any(LABS.glob("*/record.json")):
            sysctl.restore()
            modules.unload()
        store.close_unused(report)
    return {"removed": removed}


def _remove_beginning(record: Path) -> None:
    """Remove what a run leaves that was killed before it wrote the record: nothing was made."""
    if record.parent.is_dir():
        record.with_suffix(".new").unlink(missing_ok=True)
        record.parent.rmdir()


def programs(spec: LabSpec) -> dict[str, str]:
    """The programs of this computer that a lab needs, with their packages."""
    found = requirements.PROGRAMS | (requirements.FOR_INTERNET if spec.internet else {})
    for host in spec.hosts:
        found |= plan.kind(host.kernel).PROGRAMS
    return found


def known(name: str, owner: int) -> Journal:
    """The journal of a lab.

    Raises:
        BadInput: there is no such lab, or it is another user's.
    """
    book = journal.read(name, owner)
    if book is None:
        raise BadInput(f"there is no lab {name!r}: run `whisklab up {name}`")
    return book


def _check_addresses(spec: LabSpec, record: Record) -> None:
    for host in spec.hosts:
        before = record.hosts.get(host.name)
        if before and before.machine.address != host.address:
            made = before.machine.address
            raise BadInput(
                f"host {host.name} was made with the address {made} and is to have"
                f" {host.address}; say `address: {made}`"
                f" or run `whisklab down {spec.name}`"
            )


def _not_wanted(spec: LabSpec, book: Journal, report: Report, *, prune: bool) -> list[str]:
    names = {host.name for host in spec.hosts}
    gone = [name for name in book.record.hosts if name not in names]
    for name in gone:
        if prune:
            report(f"removing {name}, which is not in the topology")
            hosts.delete(book, name)
    return gone


def _hosts_on_machine(book: Journal, spec: LabSpec) -> int:
    """Hosts of all labs, counting by directory: a bound for limits, not an exact number."""
    others = sum(1 for path in STORE.glob("disks/*/*/*") if path.parts[-3] != book.record.lab)
    return others + len(spec.hosts)


def _start(book: Journal, spec: LabSpec, host: Machine, report: Report) -> None:
    report(f"starting {host.name} ({host.address})")
    hosts.start(book, spec, host)


def _wait(spec: LabSpec, book: Journal, started: list[str], report: Report) -> list[str]:
    """Wait for every host; one that was there but is ending just now is started again.

    Returns:
        The hosts started here.
    """
    problems = _problems(spec, book)
    again = [host for host in spec.hosts if host.name in problems and host.name not in started]
    for host in again:
        if not alive(book.record.hosts[host.name].keeper):
            _start(book, spec, host, report)
    if again:
        problems = _problems(spec, book)
    for name, problem in problems.items():
        console = tail(book.paths.host(name).console)
        raise WhisklabError(f"host {name} {problem}; its console ends:\n{console}")
    return [host.name for host in again]


def _problems(spec: LabSpec, book: Journal) -> dict[str, str]:
    records = book.record.hosts
    ports = {host.name: records[host.name].ports[SSH] for host in spec.hosts}
    return wait_for_ssh(
        ports,
        alive=lambda name: alive(records[name].keeper),
        whole=lambda name: has_child(records[name].keeper),
    )
