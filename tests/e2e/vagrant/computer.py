"""A computer with libvirt: this machine, with a network and daemons of its own.

Nothing of the machine's is touched: the daemons see /run, /etc/libvirt and /var/lib/libvirt of
their own, their bridges are in a network namespace, and all of it ends with one process.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.waiting import until
from tests.e2e.upstream.network import SUDO
from whisklab.lab.providers.nspawn import requirements

PROGRAMS = {
    "libvirtd": "libvirt-daemon",
    "virtlogd": "libvirt-daemon",
    "virsh": "libvirt-clients",
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "dnsmasq": "dnsmasq-base",
    "iptables": "iptables",
    "vagrant": "vagrant",
}
# Libraries, which are no programs on PATH.
LIBRARIES = ("libvirt-daemon-driver-qemu", "vagrant-libvirt")
# There is no user libvirt-qemu, no security module and no delegated control group here.
_QEMU = 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\ncgroup_controllers = [ ]\n'
_SCRIPT = """\
set -eu
cd "$1"
mount --make-rprivate /
mount -t tmpfs none /run; mount -t tmpfs none /var/log; mount -t tmpfs none /etc/libvirt
mkdir -p /run/lock /var/log/libvirt/qemu state /var/lib/libvirt
mount --bind state /var/lib/libvirt
mkdir -p state/images state/qemu state/boot state/dnsmasq state/network
for name in passwd group; do
  { cat /etc/$name; sed -n "s/^$name //p" ids; } > $name
  mount --bind $name /etc/$name
done
cp qemu.conf /etc/libvirt/
printf 'auth_unix_rw = "none"\\nauth_unix_ro = "none"\\nunix_sock_group = "root"\\n' > /etc/libvirt/libvirtd.conf
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1
virtlogd -d
libvirtd -d
exec sleep infinity
"""  # noqa: E501  a shell's words
_IDS = "passwd libvirt-qemu:x:64055:64055::/:/usr/sbin/nologin\ngroup libvirt-qemu:x:64055:\n"


@contextmanager
def computer(directory: Path) -> Iterator[list[str]]:
    """Have libvirt there; yields what a command begins with to run on that computer."""
    requirements.ensure(PROGRAMS, print)
    install = ("apt-get", "install", "--yes", "-qq", "--no-install-recommends")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([*SUDO, *install, *LIBRARIES], check=True, env=quiet)
    (directory / "qemu.conf").write_text(_QEMU + "namespaces = [ ]\n")
    (directory / "ids").write_text(_IDS)
    spaces = ("unshare", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child")
    with subprocess.Popen(
        [*SUDO, *spaces, "sh", "-c", _SCRIPT, "computer", str(directory)]
    ) as held:
        try:
            inside = [*SUDO, "nsenter", "--all", f"--target={_child(held.pid)}"]
            until("libvirt answers", lambda: answers(inside))
            yield inside
        finally:
            subprocess.run([*SUDO, "kill", "-KILL", str(held.pid)], check=True)


def virsh(inside: list[str], *arguments: str) -> str:
    """What virsh says on the computer."""
    argv = [*inside, "virsh", "-c", "qemu:///system", *arguments]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def answers(inside: list[str]) -> bool:
    """Tell whether libvirt answers."""
    argv = [*inside, "virsh", "-c", "qemu:///system", "list"]
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


def _child(process: int) -> int:
    """The first process in the namespaces, which the one that made them has started."""
    children = Path(f"/proc/{process}/task/{process}/children")
    until("the computer has begun", lambda: children.read_text().split())
    return int(children.read_text().split()[-1])
