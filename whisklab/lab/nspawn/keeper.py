"""The process behind a host: starts it with its disk and network, and again when it reboots.

The disk is mounted in a mount namespace of the host's own. It ends with the host, whatever ends
that, and the machine never has anything mounted in a lab's directory.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import FrameType
from typing import NoReturn

from whisklab.errors import WhisklabError
from whisklab.lab.nspawn import cgroup, network
from whisklab.lab.nspawn.image import root_of
from whisklab.lab.nspawn.layout import REAL_DIRECTORIES, LabPaths
from whisklab.lab.nspawn.run import environment, run

_CLONE_NEWNS = 0x00020000  # sched.h; os.unshare came with Python 3.12
# systemd-nspawn --keep-unit: the host asked for a reboot (EXIT_FORCE_RESTART).
_REBOOT = 133
# No lock files outside the lab; no filters, as kubelet and runc set their own.
_NSPAWN_ENVIRONMENT = {"SYSTEMD_NSPAWN_LOCK": "0", "SYSTEMD_SECCOMP": "0"}
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
    while _boot(LabPaths(plan.lab), plan) == _REBOOT:
        _clean(plan)


def _boot(lab: LabPaths, plan: Plan) -> int:
    """Start the host with fresh groups and network, and wait for its end; return its exit code."""
    tree = cgroup.hierarchies()
    groups = tree.groups(plan.lab, plan.host)
    for group in groups:
        cgroup.make(group, tree.version)
    wide = IPv4Network(plan.network)
    network.make_host(
        lab.netns, lab.host_netns(plan.host), wide, wide[1], IPv4Address(plan.address)
    )
    child = os.fork()
    if child == 0:
        _become_host(lab, plan, groups)

    def power_off(_number: int, _frame: FrameType | None) -> None:
        os.kill(child, signal.SIGTERM)  # systemd-nspawn then asks the host to power off

    signal.signal(signal.SIGTERM, power_off)
    _, status = os.waitpid(child, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    code = os.waitstatus_to_exitcode(status)
    _say(f"{plan.host} ended with {code}")
    return code


def _become_host(lab: LabPaths, plan: Plan, groups: list[Path]) -> NoReturn:
    """In the forked child: become systemd-nspawn, in the host's groups and with its mounts."""
    try:
        cgroup.join(groups)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(_CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "unshare")  # noqa: TRY301
        # Slave: what the machine unmounts goes away here too, what we mount does not show there.
        run(["mount", "--make-rslave", "/"])
        paths = lab.host(plan.host)
        layers = f"lowerdir={root_of(plan.image)},upperdir={paths.upper},workdir={paths.work}"
        run(["mount", "-t", "overlay", "overlay", "-o", layers, str(paths.root)])
        argv = nspawn_command(lab, plan.host)
        os.execvpe(argv[0], argv, {**environment(), **_NSPAWN_ENVIRONMENT})  # noqa: S606
    except (OSError, WhisklabError) as error:
        _say(str(error))
    finally:
        os._exit(1)


def _say(text: str) -> None:
    """Tell it in the host's console log, which is our output."""
    sys.stdout.write(f"whisklab: {text}\n")
    sys.stdout.flush()


def _clean(plan: Plan) -> None:
    for group in cgroup.hierarchies().groups(plan.lab, plan.host):
        cgroup.kill(group)
        cgroup.remove(group)


if __name__ == "__main__":
    os.umask(0o022)
    main()
