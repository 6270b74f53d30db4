"""What a command of Vagrant's has failed with, as a sentence with object, cause and remedy.

Texts are those of its sources and of vagrant-libvirt's; others are passed on as they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from whisklab.errors import WhisklabError
from whisklab.lab.providers.vagrant import domains, kvm, network

_SCRIPT, _END = "non-zero exit status", 3  # a script in a machine has failed; lines of its end
_VALUED, _WORDS = ("--provider", "--box-version"), 3
_KVM = f"KVM holds the processor's virtualization, which VirtualBox needs: {kvm.REMEDY}"
_NETWORK = (
    f"VirtualBox takes no such `network:`: it is to be one in {network.DEFAULT}, or what "
    f"{network.FILE} allows"
)
_LEFT = (
    "libvirt has a machine or a disk of this name that Vagrant knows no more (`virsh list --all`, "
    f"`virsh vol-list default`): {domains.remedy('NAME')}"
)
_NAMED = (
    "VirtualBox has a machine of this name that Vagrant knows no more (`VBoxManage list vms`): if "
    "it is not needed, `VBoxManage unregistervm NAME --delete`, or take another name for the lab"
)
_FULL = (
    "the disk of this computer, where boxes and machines' disks lie, is full: make room there "
    "(`vagrant box prune`, `whisklab clean`), and run again"
)
_PROCESSORS = (
    "this box is not made for this computer's processors and this hypervisor: `image:` of the "
    "topology names one that is, NAME or NAME@VERSION, or `hypervisor:` another hypervisor"
)
_OTHER = (
    "this machine was made by the other hypervisor: `hypervisor:` of the topology is to name that "
    "one, or remove the lab first"
)
_BOX = (
    "there is no such box (or version) for this hypervisor: `image:` of the topology names one, "
    "NAME or NAME@VERSION; one of a file is added by `vagrant box add NAME FILE`"
)
_HYPERVISOR = (
    "Vagrant has no such hypervisor here: install VirtualBox, or the plugin vagrant-libvirt, or "
    "choose by `hypervisor:`"
)
_LIBVIRT = "libvirt does not answer: is libvirtd running, and are you in the group libvirt?"
# What is in the words, and what is told; the first that fits.
_KNOWN: tuple[tuple[str, str], ...] = (
    (r"VMX root mode|VMX_IN_VMX_ROOT_MODE|VERR_SVM_IN_USE", _KVM),
    (r"not within the\s+allowed ranges", _NETWORK),
    (r"domain about to create is already taken|Volume for domain is already created", _LEFT),
    (r"VirtualBox machine with the name .* already exists", _NAMED),
    (r"VERR_DISK_FULL|No space left on device", _FULL),
    (r"active machine was found with a different provider", _OTHER),
    (r"because it is locked", "another vagrant is at work with it: wait for its end"),
    (r"support the requested\s+architecture|isn't installed\s+for the architecture", _PROCESSORS),
    (r"support for the\s+required provider and architecture", _PROCESSORS),
    (r"isn't installed for the provider|could not be accessed in the remote|returned error: 404",
     _BOX),
    (r"could not be found, but was requested|isn't usable on this system", _HYPERVISOR),
    (r"libvirt-sock|virConnectOpen|connecting to [Ll]ibvirt", _LIBVIRT),
    (r"doesn't support snapshots", "this version of the hypervisor's plugin has no snapshots"),
)  # fmt: skip


class Failed(WhisklabError):
    """A command of Vagrant's has failed."""


def failure(arguments: Sequence[str], said: str, told: str = "") -> Failed:
    """Return what a failed command is told as. Pure.

    Args:
        arguments: of Vagrant.
        said: its standard error, where what went wrong stands.
        told: its standard output, where it tells how far it is, and a machine what its script says.
    """
    values = {each for before, each in pairwise(arguments) if before in _VALUED}
    words = [each for each in arguments if not each.startswith("-") and each not in values]
    what = " ".join(["vagrant", *words[:_WORDS]])
    for pattern, sentence in _KNOWN:
        if re.search(pattern, f"{said}\n{told}"):
            return Failed(f"{what}: {sentence}")
    words = _lines(said) or _lines(told)[-_END:]
    if _SCRIPT in " ".join(words):
        words += ["The machine's last words:", *_lines(told)[-_END:]]
    return Failed(f"{what}: Vagrant says: {' '.join(words) or 'nothing'}")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
