"""One host: making, starting, stopping and removing it, each step written down first."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.lab.common.lock import locked
from whisklab.lab.common.machine import STORAGE, Machine
from whisklab.lab.common.process import alive, end, identify, signal_and_wait
from whisklab.lab.common.removal import remove_tree
from whisklab.lab.common.run import Report, environment
from whisklab.lab.providers.nspawn import cgroup, forwarder, gate, image, keeper, network
from whisklab.lab.providers.nspawn.forwarder import Forward
from whisklab.lab.providers.nspawn.journal import Journal
from whisklab.lab.providers.nspawn.plan import Plan, kind
from whisklab.lab.providers.nspawn.record import HostRecord
from whisklab.lab.providers.nspawn.spec import LabSpec

_POWER_OFF = 40.0  # the image gives its services 20 s
_KILL = 10.0


def choose_image(journal: Journal, lab: LabSpec, report: Report) -> list[str]:
    """Note the image of every host that has no disk yet; return these hosts.

    Under the lock of images, so that nobody removes the image before it is noted.
    """
    known = journal.record.hosts
    bare = [host for host in lab.hosts if host.name not in known or not known[host.name].disk_done]
    if not bare:
        return []
    with locked("images", report):
        base = image.ensure(report)
        for host in bare:
            chosen = kind(host.kernel).image(base, report)
            record = known.setdefault(host.name, HostRecord(host, chosen))
            record.image, record.machine = chosen, host
            journal.save()
    return [host.name for host in bare]


def make_disk(journal: Journal, lab: LabSpec, host: Machine) -> None:
    """Make the disk of a host, or make it anew when a run died in the middle of it."""
    record = journal.record.hosts[host.name]
    if record.disk_done:
        return
    paths = journal.paths.host(host.name)
    remove_tree(paths.top, journal.paths.disks)
    kind(record.machine.kernel).make_disk(paths, image.root_of(record.image), lab, host)
    record.disk_done = True
    journal.save()


def start(journal: Journal, lab: LabSpec, host: Machine) -> None:
    """Start a host that is not running."""
    record = journal.record.hosts[host.name]
    if not image.root_of(record.image).is_dir():
        raise WhisklabError(
            f"the image {record.image} of host {host.name} is gone:"
            f" run `whisklab rebuild {lab.name}`"
        )
    _clear(journal, host.name)
    record.machine = replace(host, kernel=record.machine.kernel)  # of the disk that was made
    kind(record.machine.kernel).refresh(journal.paths.host(host.name), lab, host)
    groups = cgroup.hierarchies().groups(lab.name, host.name)
    record.cgroups = [str(group) for group in groups]
    record.netns = journal.paths.host_netns(host.name)
    journal.save()
    plan = Plan(lab.name, journal.record.disks, record.image, str(lab.network), record.machine)

    def write_down(pid: int) -> None:
        record.keeper = identify(pid)
        journal.save()

    console = journal.paths.host(host.name).console
    gate.start(keeper.command(plan), console, write_down, env=environment())


def forward(journal: Journal, host: Machine) -> None:
    """Open the host's ports on the loopback, unless just these are open."""
    record = journal.record.hosts[host.name]
    if alive(record.forwarder) and set(record.ports) == set(host.ports):
        return
    if record.forwarder:
        end(record.forwarder, _KILL)
    listeners = {port: forwarder.listen(record.ports.get(port)) for port in host.ports}
    forwards = [
        Forward(listener.fileno(), str(record.machine.address), port)
        for port, listener in listeners.items()
    ]
    record.ports = {port: listener.getsockname()[1] for port, listener in listeners.items()}

    def write_down(pid: int) -> None:
        record.forwarder = identify(pid)
        journal.save()

    gate.start(
        [
            "nsenter", f"--net={network.path(journal.paths.netns)}", sys.executable, "-P", "-S",
            "-m", forwarder.__name__, *(str(one) for one in forwards),
        ],
        journal.paths.host(host.name).top / "forwarder.log",
        write_down,
        env=environment(),
        pass_fds=[one.fd for one in forwards],
    )  # fmt: skip
    for listener in listeners.values():
        listener.close()


def power_off(journal: Journal, names: list[str]) -> list[str]:
    """Power hosts off, keeping their disks; return those that had to be killed.

    In parallel, but the storage after the others, which write to it until they are off.
    """
    hosts = {name: journal.record.hosts[name] for name in names}
    last = {name for name, host in hosts.items() if STORAGE in host.machine.groups}
    killed = []
    for turn in (hosts.keys() - last, last):
        killed += _power_off(journal, [name for name in names if name in turn])
    return killed


def _power_off(journal: Journal, names: list[str]) -> list[str]:
    keepers = {name: journal.record.hosts[name].keeper for name in names}
    running = {name: process for name, process in keepers.items() if process and alive(process)}
    for process in running.values():
        signal_and_wait(process, signal.SIGTERM, 0)
    until = time.monotonic() + _POWER_OFF
    killed = [
        name
        for name, process in running.items()
        if not signal_and_wait(process, None, max(0, until - time.monotonic()))
    ]
    for name in names:
        release(journal, name)
    return killed


def release(journal: Journal, name: str) -> None:
    """End everything of a host that runs and remove all but its disk."""
    record = journal.record.hosts[name]
    if record.forwarder:
        end(record.forwarder, _KILL)
        record.forwarder = None
    _clear(journal, name)
    journal.save()


def _clear(journal: Journal, name: str) -> None:
    """Remove what a run of the host has left: processes, groups, its network."""
    record = journal.record.hosts[name]
    if record.keeper:
        end(record.keeper, _KILL)
    for group in record.cgroups:
        cgroup.kill(Path(group))
        cgroup.remove(Path(group))
    if record.netns:
        network.remove(record.netns)
    kind(record.machine.kernel).clear(journal.paths, record.machine)
    record.keeper = record.netns = None
    record.cgroups = []


def delete(journal: Journal, name: str) -> None:
    """Remove a host with its disk."""
    release(journal, name)
    remove_tree(journal.paths.host(name).top, journal.paths.disks)
    del journal.record.hosts[name]
    journal.save()
