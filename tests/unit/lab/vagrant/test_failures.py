"""What Vagrant fails with, as a sentence."""

from __future__ import annotations

import pytest

from whisklab.lab.providers.vagrant.failures import failure


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("VT-x is not available (VERR_VMX_IN_VMX_ROOT_MODE)", "KVM holds the processor's"),
        ("The IP address configured for the host-only network is not within the\nallowed ranges.",
         "VirtualBox takes no such `network:`"),
        ("Name `fern-master` of domain about to create is already taken. Please try to run",
         "libvirt has a machine or a disk of this name that Vagrant knows no more"),
        ("A VirtualBox machine with the name 'fern-master' already exists. Please use another",
         "VirtualBox has a machine of this name that Vagrant knows no more"),
        ("VBoxManage: error: (VERR_DISK_FULL)", "disk of this computer, where boxes and"),
        ("qemu-img: error while writing: No space left on device", "make room there"),
        ("An active machine was found with a different provider. Vagrant", "made by the other"),
        ("Vagrant can't use the requested machine because it is locked! This", "another vagrant"),
        ("The box 'x' isn't installed for the provider 'libvirt'.", "there is no such box"),
        ("add doesn't support the requested\narchitecture. Please find", "computer's processors"),
        ("architecture with the current provider: support the requested architecture for this box",
         "computer's processors"),
        ("with support for the\nrequired provider and architecture. Versions", "processors"),
        ("The box 'x' for the provider 'y' isn't installed\nfor the architecture 'arm64'. Please",
         "computer's processors"),
        ("The box 'x' could not be found or\ncould not be accessed in the remote catalog.",
         "there is no such box"),
        ("The provider 'libvirt' could not be found, but was requested to\nback the machine",
         "Vagrant has no such hypervisor here"),
        ("The provider 'virtualbox' reports that it isn't usable on this system.",
         "Vagrant has no such hypervisor here"),
        ("Failed to connect socket to '/var/run/libvirt/libvirt-sock'", "libvirt does not answer"),
        ("This provider doesn't support snapshots.", "plugin has no snapshots"),
        ("Timed out while waiting for the machine to boot.\n", "Vagrant says: Timed out while"),
        ("", "Vagrant says: nothing"),
    ],
)  # fmt: skip
def test_a_failure_is_a_sentence(said: str, sentence: str) -> None:
    told = str(failure(["up", "master", "--provider", "libvirt"], said))
    assert told.startswith("vagrant up master")
    assert sentence in told
    assert "\n" not in told


TOLD = """\
Bringing machine 'master' up with 'libvirt' provider...
==> master: Creating domain with the following settings...
Progress: 10%
    master: useradd: cannot lock /etc/passwd; try again later.
"""


def test_how_far_vagrant_is_is_no_cause() -> None:
    said = "Call to virNetworkCreate failed: no iptables.\n"
    sentence = "vagrant up master: Vagrant says: Call to virNetworkCreate failed: no iptables."
    assert str(failure(["up", "master"], said, TOLD)) == sentence
    script = "The SSH command responded with a non-zero exit status. Vagrant\nassumes that\n"
    told = str(failure(["up", "master"], script, TOLD))
    assert told.endswith("master: useradd: cannot lock /etc/passwd; try again later.")
    assert "Bringing" not in told
    assert "useradd" in str(failure(["up", "master"], "", TOLD))
