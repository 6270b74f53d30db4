"""A user of the hosts whose sudo asks for a password, and whose commands are recorded."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster.faults import fault
from tests.e2e.cluster.site import Site

USER = "asker"
_HOME = f"/home/{USER}"
_RECORDER = "/usr/local/bin/record-command"
_SSHD = "/etc/ssh/sshd_config.d/00-asker.conf"
_SUDO = f"/etc/sudoers.d/{USER}"
_RECORD = f"""#!/bin/sh
umask 077
printf '%s\\n' "$SSH_ORIGINAL_COMMAND" >> {_HOME}/commands
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
"""
_MAKE = f"""
set -e
useradd -m -s /bin/sh {USER}
install -d -m 700 -o {USER} -g {USER} {_HOME}/.ssh
install -m 600 -o {USER} -g {USER} ~lab/.ssh/authorized_keys {_HOME}/.ssh/
echo '{USER} ALL=(ALL:ALL) ALL' > {_SUDO}
"""
_WATCH = f"""
set -e
printf %s {shlex.quote(_RECORD)} > {_RECORDER}
chmod 755 {_RECORDER}
printf 'Match User {USER}\nForceCommand {_RECORDER}\n' > {_SSHD}
systemctl reload ssh
"""


@contextmanager
def asking(site: Site, host: str, password: str) -> Iterator[None]:
    """Have USER on a host, who logs in with our key and whose sudo wants `password`."""
    make = _MAKE.replace("~lab", f"~{site.lab['user']}")
    with (
        fault(site, host, make, f"rm -f {_SUDO}; userdel -r -f {USER}"),
        fault(site, host, ":", f"rm -f {_SSHD} {_RECORDER}; systemctl reload ssh"),
    ):
        subprocess.run(
            [*site.ssh_command(host), "sudo chpasswd -c SHA512"],
            input=f"{USER}:{password}\n", text=True, check=True, timeout=60,
        )  # fmt: skip
        site.root(host, _WATCH)
        yield


def commands_of_asker(site: Site, host: str) -> str:
    """Return every command that sshd was asked to run for USER."""
    return site.root(host, f"cat {_HOME}/commands")
