"""The condition of a `Match exec` of ssh_config(5), run as ssh runs it.

(pyinfra 3.10 gives the whole command to the shell as the name of a file, so that none ever holds;
paramiko by itself has invoke run it, which ends with a BlockingIOError under gevent.)
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass

from whisklab.errors import BadInput

WITHIN = 30.0  # seconds; ssh itself would wait for ever


@dataclass(frozen=True)
class Ended:
    """How the command ended.

    Attributes:
        ok: whether with exit code 0.
    """

    ok: bool


def run(command: str, **_how: object) -> Ended:
    """Run the command of a condition by the user's shell, as ssh does: it reads nothing.

    Args:
        command: with all of ssh_config's tokens filled in.

    Raises:
        BadInput: it does not end; it and what it has started are killed.
    """
    shell = os.environ.get("SHELL") or "/bin/sh"
    with subprocess.Popen(
        [shell, "-c", command], start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            return Ended(process.wait(WITHIN) == 0)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    raise BadInput(
        f"the ssh_config has `Match exec {command}`, which has not ended after {WITHIN:.0f} s: "
        "run it in a shell, mend it, or set ssh_config_file to another file"
    )
