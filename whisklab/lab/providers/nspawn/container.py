"""How a host that shares the machine's kernel boots and ends. The keeper calls this."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn

from whisklab.lab.common.machine import Machine
from whisklab.lab.common.run import Report, environment, run
from whisklab.lab.providers.nspawn import network, seed
from whisklab.lab.providers.nspawn.image import root_of
from whisklab.lab.providers.nspawn.image_files import MOUNT_NFS
from whisklab.lab.providers.nspawn.layout import REAL_DIRECTORIES, HostPaths, LabPaths
from whisklab.lab.providers.nspawn.namespaces import own_mounts
from whisklab.lab.providers.nspawn.plan import Plan
from whisklab.lab.providers.nspawn.spec import LabSpec

# No lock files outside the lab; no filters, as kubelet and runc set their own.
_NSPAWN_ENVIRONMENT = {"SYSTEMD_NSPAWN_LOCK": "0", "SYSTEMD_SECCOMP": "0"}
_RUNTIME = Path("/run/systemd/nspawn/propagate")
_DEVICES = ("/dev/fuse", "/dev/kmsg")  # mount.nfs of the lab's stand-in; kubelet
# For the host's systemd. Its hundred lines at a shutdown can fill the console: systemd-nspawn may
# miss that there is something to read, and then systemd waits for ever to write the next line.
_QUIET = "systemd.show_status=error"

PROGRAMS: Mapping[str, str] = MappingProxyType({})


def image(base: str, _report: Report) -> str:
    """Its disks are made over the image of the hosts itself."""
    return base


def make_disk(paths: HostPaths, root: Path, lab: LabSpec, host: Machine) -> None:
    """Make a host's disk: an empty overlay with the host's own identity on it."""
    paths.top.mkdir(mode=0o755, parents=True)
    for directory in (paths.work, paths.root):
        directory.mkdir(mode=0o755)
    seed.identity(paths, root, lab)
    refresh(paths, lab, host)


def refresh(paths: HostPaths, lab: LabSpec, host: Machine) -> None:
    """Write what may differ from one boot to the next."""
    for name in REAL_DIRECTORIES:
        paths.real(name).mkdir(mode=0o755, exist_ok=True)
    seed.refresh(paths, lab, host)
    if lab.mount_nfs:
        seed.put_program(paths, MOUNT_NFS, lab.mount_nfs)


def prepare(plan: Plan) -> None:
    """Give the host a network of its own."""
    lab, host = plan.paths, plan.machine
    wide = IPv4Network(plan.network)
    network.make_host(lab.netns, lab.host_netns(host.name), wide, wide[1], host.address)


def command(plan: Plan) -> list[str]:
    """The systemd-nspawn command of a host: a whole machine, not a sandbox."""
    lab, host = plan.paths, plan.machine.name
    paths = lab.host(host)
    binds = [f"--bind={device}" for device in _DEVICES if Path(device).exists()]
    binds += [f"--bind={paths.real(name)}:{at}" for name, at in REAL_DIRECTORIES.items()]
    return [
        "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--settings=no",
        f"--machine={lab.machine(host)}", f"--hostname={host}", f"--directory={paths.root}",
        f"--network-namespace-path={network.path(lab.host_netns(host))}",
        "--capability=all", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
        "--console=passive", *binds, _QUIET,
    ]  # fmt: skip


def become(plan: Plan) -> NoReturn:
    """Become systemd-nspawn, with the host's mounts.

    Raises:
        OSError, WhisklabError: it cannot be.
    """
    own_mounts()
    # Slave: what the machine unmounts goes away here too, what we mount does not show there.
    run(["mount", "--make-rslave", "/"])
    paths = plan.paths.host(plan.machine.name)
    layers = f"lowerdir={root_of(plan.image)},upperdir={paths.upper},workdir={paths.work}"
    run(["mount", "-t", "overlay", "overlay", "-o", layers, str(paths.root)])
    argv = command(plan)
    os.execvpe(argv[0], argv, {**environment(), **_NSPAWN_ENVIRONMENT})  # noqa: S606


def power_off(child: int, _plan: Plan) -> None:
    """Have systemd-nspawn ask the host to power off."""
    os.kill(child, signal.SIGTERM)


def clear(paths: LabPaths, host: Machine) -> None:
    """Remove what a killed systemd-nspawn leaves."""
    propagate = _RUNTIME / paths.machine(host.name)
    if propagate.is_dir():
        propagate.rmdir()
