"""How a host with its own kernel boots and ends. The keeper calls this."""

from __future__ import annotations

import os
import socket
import struct
import tarfile
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path
from typing import NoReturn

from whisklab.lab.common.machine import Machine
from whisklab.lab.common.removal import remove_tree
from whisklab.lab.common.run import Report, environment, run
from whisklab.lab.providers.nspawn import network, seed
from whisklab.lab.providers.nspawn.layout import UML_RUN, HostPaths, LabPaths
from whisklab.lab.providers.nspawn.namespaces import bind, enter_network, own_mounts
from whisklab.lab.providers.nspawn.plan import REBOOT, Plan
from whisklab.lab.providers.nspawn.spec import LabSpec
from whisklab.lab.providers.uml import image as images
from whisklab.lab.providers.uml import image_files

# Its memory is a file of the machine's that only grows as it is used. apt with Debian's package
# lists wants 512 MB; the rest keeps what is written until it is on the disk.
_MEMORY = "768M"
# arch/um/drivers/mconsole.h: magic, version, length, and a text of at most 512 bytes.
_MCONSOLE = struct.Struct("=III512s")
_MAGIC, _VERSION = 0xCAFEBABE, 2
_END = b"cad"  # ctrl-alt-del


PROGRAMS = {"mkfs.ext4": "e2fsprogs"}


def image(base: str, report: Report) -> str:
    """Make the image of its disks, from the image `base`, unless it is there."""
    return images.ensure(base, report)


def make_disk(paths: HostPaths, root: Path, lab: LabSpec, host: Machine) -> None:
    """Make a host's identity; its disk is the image, and a file of what it writes over it."""
    paths.top.mkdir(mode=0o755, parents=True)
    seed.identity(paths, root, lab)
    refresh(paths, lab, host)


def refresh(paths: HostPaths, lab: LabSpec, host: Machine) -> None:
    """Pack the host's identity, with what may differ from one boot to the next, for its boot."""
    seed.refresh(paths, lab, host)
    beside = paths.seed.with_suffix(".new")
    with tarfile.open(beside, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(paths.upper.rglob("*")):
            name = str(path.relative_to(paths.upper))
            archive.add(path, name, recursive=False, filter=_by_number)
    beside.chmod(0o600)
    beside.replace(paths.seed)
    paths.rebooted.write_text(f"#!/bin/sh\nexit {REBOOT}\n", encoding="ascii")
    paths.rebooted.chmod(0o755)


def _by_number(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Names of users are of this machine, numbers are the host's."""
    entry.uname = entry.gname = ""
    return entry


def prepare(plan: Plan) -> None:
    """Give the host its link to the lab's bridge."""
    network.make_tap(plan.paths.netns, plan.machine.address)
    UML_RUN.mkdir(mode=0o700, parents=True, exist_ok=True)


def command(plan: Plan) -> list[str]:
    """The kernel as a program, with all it is told.

    When it reboots it becomes the program that it was called by, which is ours: it would start
    itself in a process that still has its link open, and not get it again.
    """
    lab, address = plan.paths, plan.machine.address
    paths = lab.host(plan.machine.name)
    wide = IPv4Network(plan.network)
    # Segments as large as the bridge passes them (gro): without it large writes hang.
    nic = (
        f"{image_files.NIC}:transport=tap,ifname={network.link_name(address)},depth=128,gro=1,"
        f"mac={network.mac(address)}"
    )
    return [
        str(paths.rebooted), f"mem={_MEMORY}",
        f"umid={lab.machine(plan.machine.name)}", f"uml_dir={UML_RUN}/",
        f"ubd0={paths.cow},{images.disk_of(plan.image)}", f"ubd1r={paths.seed}", nic,
        "root=/dev/ubda", "rw", f"init={image_files.INIT}", "quiet",
        f"{image_files.ADDRESS}={address}/{wide.prefixlen}", f"{image_files.GATEWAY}={wide[1]}",
        "con0=null,fd:1", "con=null",
        # Where it knows how: its processes could then write to all of its memory, which root can.
        "seccomp=auto",
    ]  # fmt: skip


def become(plan: Plan) -> NoReturn:
    """Become the host, in the lab's network namespace.

    On one processor, since it uses one at a time: each of its system calls passes between two
    processes, which takes three times as long when they are on different ones (measured on 2).
    Which one, the number of the process decides, so that several labs do not share one.
    """
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {processors[os.getpid() % len(processors)]})
    enter_network(network.path(plan.paths.netns))
    program, libraries = images.kernel_of(plan.image)
    if libraries:
        _run_with(libraries)
    os.execvpe(program, command(plan), environment())  # noqa: S606


def _run_with(libraries: list[Path]) -> None:
    """Have these in place of this machine's own, for what this process starts from here on.

    Told to the loader instead (LD_LIBRARY_PATH), they would break the shell that a reboot starts.
    """
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    ours = {Path(line.split()[-1]).name: line.split()[-1] for line in maps.splitlines()}
    own_mounts()
    run(["mount", "--make-rslave", "/"])
    for path in libraries:
        bind(path, Path(ours[path.name]))


def power_off(_child: int, plan: Plan) -> None:
    """Ask the host to power off; nothing when it does not listen (any more)."""
    request = _MCONSOLE.pack(_MAGIC, _VERSION, len(_END), _END)
    with (
        suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as console,
    ):
        console.sendto(request, str(UML_RUN / plan.paths.machine(plan.machine.name) / "mconsole"))


def clear(paths: LabPaths, host: Machine) -> None:
    """Remove its link to the bridge, and the files of its console."""
    network.remove_tap(paths.netns, host.address)
    remove_tree(UML_RUN / paths.machine(host.name), UML_RUN)
