"""Where the provider keeps its things. Only root writes here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whisklab.errors import BadInput
from whisklab.lab.common.names import is_host_name, is_lab_name

TOP = Path("/var/lib/whisklab")
LABS = TOP / "labs"  # a directory for each lab: its record
SNAPSHOTS = (
    TOP / "snapshots"
)  # a directory for each lab, in it one for each snapshot: what it is of
STORE = TOP / "store"  # the disks of labs and of snapshots: see store.py
STORE_FILE = TOP / "store.btrfs"
SYSCTLS = TOP / "sysctls.json"
MODULES = TOP / "modules.json"
IMAGES = Path("/var/cache/whisklab/images")
KERNELS = Path("/var/cache/whisklab/kernels")  # for hosts with their own, by their versions
NETNS = Path("/run/netns")
UML_RUN = Path("/run/whisklab/uml")  # of hosts with their own kernel: pid file, console's socket

# Directories of a host that cannot be on its overlay: they hold overlays themselves, or the kernel
# is to export them over NFS.
REAL_DIRECTORIES = {
    "containerd": "/var/lib/containerd",
    "rancher": "/var/lib/rancher",
    "kubelet": "/var/lib/kubelet",
    "nfs": "/var/nfs",
}


@dataclass(frozen=True)
class HostPaths:
    """The directory of one host."""

    top: Path

    @property
    def upper(self) -> Path:
        """What the host has written over its image."""
        return self.top / "upper"

    @property
    def work(self) -> Path:
        """The overlay's scratch directory."""
        return self.top / "work"

    @property
    def root(self) -> Path:
        """Where the overlay is mounted, in a mount namespace of the host's own."""
        return self.top / "root"

    @property
    def cow(self) -> Path:
        """What a host with its own kernel has written over its image."""
        return self.top / "disk.cow"

    @property
    def seed(self) -> Path:
        """The identity of a host with its own kernel, packed."""
        return self.top / "seed.tar"

    @property
    def rebooted(self) -> Path:
        """What a kernel that is a program becomes when it reboots."""
        return self.top / "rebooted"

    @property
    def console(self) -> Path:
        """What the host's boot and the keeper print."""
        return self.top / "console.log"

    def real(self, name: str) -> Path:
        """The directory behind one of REAL_DIRECTORIES."""
        return self.top / name


def record_of(lab: str) -> Path:
    """The record of a lab.

    Raises:
        BadInput: no lab can have this name.
    """
    if not is_lab_name(lab):
        raise BadInput(f"{lab!r} cannot name a lab")
    return LABS / lab / "record.json"


@dataclass(frozen=True)
class LabPaths:
    """The directories of one lab; `disks` holds those of its hosts' disks."""

    name: str
    disks: Path

    @property
    def top(self) -> Path:
        """What root keeps of this lab besides the disks."""
        return self.record.parent

    @property
    def record(self) -> Path:
        """What was made, written before it is made."""
        return record_of(self.name)

    @property
    def slirp_log(self) -> Path:
        """What the user-mode NAT prints."""
        return self.top / "slirp4netns.log"

    @property
    def netns(self) -> str:
        """The name of the network namespace with the lab's bridge."""
        return f"wl-{self.name}"

    def host(self, host: str) -> HostPaths:
        """The directory of a host."""
        return HostPaths(self.disks / _checked(host))

    def host_netns(self, host: str) -> str:
        """The name of a host's network namespace.

        A dot separates lab and host, which neither name may contain: `a-b` + `c` and `a` + `b-c`
        stay apart.
        """
        return f"wl-{self.name}.{_checked(host)}"

    def machine(self, host: str) -> str:
        """The name systemd-nspawn knows the host by."""
        return f"wl-{self.name}.{_checked(host)}"


def _checked(host: str) -> str:
    if not is_host_name(host):
        raise BadInput(f"{host!r} cannot name a host")
    return host
