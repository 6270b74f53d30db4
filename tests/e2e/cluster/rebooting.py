"""A host restarted by the lab's own command."""

from __future__ import annotations

import subprocess

from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until

_BOOT = "cat /proc/sys/kernel/random/boot_id"


def reboot(site: Site, host: str) -> None:
    """Have a host reboot as a user would, and wait until it answers again."""
    before = boot(site, host)
    assert before
    site.whisklab("ssh", site.name, host, "--", "sudo", "reboot")  # the connection may be cut
    until(f"{host} is back", lambda: boot(site, host) not in ("", before))


def boot(site: Site, host: str) -> str:
    """Which boot of a host this is; "" when it does not answer."""
    done = subprocess.run([*site.ssh_command(host), _BOOT], check=False, text=True,
                          capture_output=True, timeout=60)  # fmt: skip
    return done.stdout
