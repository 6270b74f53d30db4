"""What the provider looks at on this computer before it has Vagrant make anything."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from whisklab.lab.common.guest import capacity, firewall
from whisklab.lab.common.guest.capacity import Computer
from whisklab.lab.providers.vagrant import domains, kvm, network

LIBVIRT, VIRTUALBOX = "libvirt", "virtualbox"
# Where the hypervisors keep disks, unless they are told otherwise.
_DISKS: Mapping[str, Callable[[], Path]] = {
    LIBVIRT: lambda: Path("/var/lib/libvirt/images"),
    VIRTUALBOX: Path.home,
}
# Processors, as kernels call them, in the words of boxes.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def found_hypervisor() -> str:
    """Return the hypervisor that this computer has; VirtualBox where it has both, or neither."""
    return LIBVIRT if shutil.which("virsh") and not shutil.which("VBoxManage") else VIRTUALBOX


def architecture() -> str:
    """Return what boxes call this computer's processor."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def size(hypervisor: str) -> Computer:
    """Return what this computer has, and of disk where a hypervisor keeps its own."""
    return capacity.here([_DISKS[hypervisor]()])


@dataclass(frozen=True)
class Looks:
    """How each thing is looked at; nothing of it changes anything.

    Attributes:
        hypervisor: the one of this computer.
        architecture: of its processor.
        size: what it has, by a hypervisor.
        firewall: what is to be said of its firewall.
        kvm: what is to be said of KVM beside VirtualBox.
        networks: where VirtualBox has host-only networks.
        domains: the machines that libvirt has.
    """

    hypervisor: Callable[[], str] = found_hypervisor
    architecture: Callable[[], str] = architecture
    size: Callable[[str], Computer] = size
    firewall: Callable[[], str] = firewall.hint
    kvm: Callable[[], str] = kvm.remark
    networks: Callable[[], tuple[IPv4Network, ...]] = network.ranges
    domains: Callable[[], frozenset[str]] = domains.there
