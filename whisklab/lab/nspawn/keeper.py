"""The process behind a host: mounts its disk, starts it, and starts it again when it reboots.

The mounts are in a mount namespace of the keeper's own. They end with it, whatever ends it, and
the machine never has anything mounted in a lab's directory.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import FrameType

from whisklab.lab.nspawn import cgroup, network
from whisklab.lab.nspawn.image import root_of
from whisklab.lab.nspawn.layout import REAL_DIRECTORIES, LabPaths
from whisklab.lab.nspawn.run import environment, run

_CLONE_NEWNS = 0x00020000  # sched.h; os.unshare came with Python 3.12
# systemd-nspawn --keep-unit: the host asked for a reboot (EXIT_FORCE_RESTART).
_REBOOT = 133
_DEVICES = ("/dev/fuse", "/dev/kmsg")  # mount.nfs of the lab's stand-in; kubelet


@dataclass(frozen=True)
class Plan:
    """What a keeper needs to know of its host."""

    lab: str
    host: str
    image: str
    network: str
    address: str

    def command(self) -> list[str]:
        """The keeper of this host as a program to start."""
        return [sys.executable, "-P", "-S", "-m", __spec__.name, json.dumps(asdict(self))]


def nspawn_command(lab: LabPaths, host: str) -> list[str]:
    """The systemd-nspawn command of a host: a whole machine, not a sandbox."""
    paths = lab.host(host)
    binds = [f"--bind={device}" for device in _DEVICES if Path(device).exists()]
    binds += [f"--bind={paths.real(name)}:{at}" for name, at in REAL_DIRECTORIES.items()]
    return [
        "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--settings=no",
        f"--machine={lab.machine(host)}", f"--hostname={host}", f"--directory={paths.root}",
        f"--network-namespace-path={network.path(lab.host_netns(host))}",
        "--capability=all", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
        "--console=passive", *binds,
    ]  # fmt: skip


def main() -> None:
    """Keep one host: the plan is the only argument."""
    plan = Plan(**json.loads(sys.argv[1]))
    lab = LabPaths(plan.lab)
    _mount(lab, plan)
    while _boot(lab, plan) == _REBOOT:
        _clean(plan)


def _mount(lab: LabPaths, plan: Plan) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    # Slave: what the machine unmounts goes away here too, what we mount does not show there.
    run(["mount", "--make-rslave", "/"])
    paths = lab.host(plan.host)
    layers = f"lowerdir={root_of(plan.image)},upperdir={paths.upper},workdir={paths.work}"
    run(["mount", "-t", "overlay", "overlay", "-o", layers, str(paths.root)])


def _boot(lab: LabPaths, plan: Plan) -> int:
    """Start the host with fresh groups and network, and wait for its end."""
    tree = cgroup.hierarchies()
    groups = tree.groups(plan.lab, plan.host)
    for group in groups:
        cgroup.make(group, tree.version)
    wide = IPv4Network(plan.network)
    network.make_host(
        lab.netns, lab.host_netns(plan.host), wide, wide[1], IPv4Address(plan.address)
    )
    host = subprocess.Popen(
        nspawn_command(lab, plan.host),
        env={**environment(), "SYSTEMD_NSPAWN_LOCK": "0", "SYSTEMD_SECCOMP": "0"},
        preexec_fn=lambda: cgroup.join(groups),  # noqa: PLW1509 (there is one thread)
    )

    def power_off(_number: int, _frame: FrameType | None) -> None:
        host.terminate()  # systemd-nspawn then asks the host to power off

    signal.signal(signal.SIGTERM, power_off)
    code = host.wait()
    sys.stdout.write(f"whisklab: {plan.host} ended with {code}\n")
    sys.stdout.flush()
    return code


def _clean(plan: Plan) -> None:
    for group in cgroup.hierarchies().groups(plan.lab, plan.host):
        cgroup.kill(group)
        cgroup.remove(group)


if __name__ == "__main__":
    os.umask(0o022)
    main()
