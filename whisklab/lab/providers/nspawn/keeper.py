"""The process behind a host: starts it with its disk and network, and again when it reboots.

What it mounts is in a mount namespace of the host's own. That ends with the host, whatever ends
it, and the machine never has anything mounted in a lab's directory.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from whisklab.errors import WhisklabError
from whisklab.lab.providers.nspawn import cgroup
from whisklab.lab.providers.nspawn import plan as plans
from whisklab.lab.providers.nspawn.plan import REBOOT, Plan, kind


def command(plan: Plan) -> list[str]:
    """The keeper of this host as a program to start."""
    return [sys.executable, "-P", "-S", "-m", __spec__.name, plans.dump(plan)]


def main() -> None:
    """Keep one host: the plan is the only argument."""
    plan = plans.parse(sys.argv[1])
    while _boot(plan) == REBOOT:
        for group in _groups(plan):
            cgroup.remove(group)


def _boot(plan: Plan) -> int:
    """Start the host with fresh groups and network, and wait for its end; return its exit code."""
    tree = cgroup.hierarchies()
    groups = tree.groups(plan.lab, plan.machine.name)
    for group in groups:
        cgroup.make(group, tree.version)
    kind(plan.machine.kernel).prepare(plan)
    child = os.fork()
    if child == 0:
        _become_host(plan, groups)

    def power_off(_number: int, _frame: FrameType | None) -> None:
        kind(plan.machine.kernel).power_off(child, plan)

    signal.signal(signal.SIGTERM, power_off)
    _, status = os.waitpid(child, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for group in groups:  # what runs in a host outlives a systemd-nspawn that was killed
        cgroup.kill(group)
    code = os.waitstatus_to_exitcode(status)
    _say(f"{plan.machine.name} ended with {code}")
    return code


def _become_host(plan: Plan, groups: list[Path]) -> NoReturn:
    """In the forked child: become the host, in its groups."""
    try:
        cgroup.join(groups)
        kind(plan.machine.kernel).become(plan)
    except (OSError, WhisklabError) as error:
        _say(str(error))
    finally:
        os._exit(1)


def _say(text: str) -> None:
    """Tell it in the host's console log, which is our output."""
    sys.stdout.write(f"whisklab: {text}\n")
    sys.stdout.flush()


def _groups(plan: Plan) -> list[Path]:
    return cgroup.hierarchies().groups(plan.lab, plan.machine.name)


if __name__ == "__main__":
    os.umask(0o022)
    main()
