"""What is told before Vagrant makes anything: networks, processors, KVM, what libvirt has left."""

from __future__ import annotations

import shutil
from ipaddress import IPv4Network

import pytest

from tests.unit.lab.multipass.rig import GIB
from tests.unit.lab.vagrant.rig import BOX, UP, Lab, up
from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.guest.capacity import Computer
from whisklab.lab.providers.vagrant import domains, kvm, network
from whisklab.lab.providers.vagrant.client import Box

DEFAULT = "192.168.56.0/21"


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("* 10.0.0.0/8 192.168.0.0/16\n", ["10.0.0.0/8", "192.168.0.0/16"]),
        ("*10.1.2.3/8\n  * 2001::/64 fe80::/10\n", ["10.0.0.0/8"]),
        ("* 0.0.0.0/0 ::/0", ["0.0.0.0/0"]),
        ("# * 10.0.0.0/8\n10.0.0.0/8\n", []),
        ("* nonsense 172.16.0.0/12\n*\n", ["172.16.0.0/12"]),
        ("", []),
    ],
)
def test_what_networks_conf_allows(text: str, networks: list[str]) -> None:
    assert [str(each) for each in network.allowed(text)] == networks


@pytest.mark.parametrize(
    ("wanted", "within", "fits"),
    [
        ("192.168.56.0/24", [DEFAULT], True),
        ("192.168.63.0/24", [DEFAULT], True),
        ("192.168.64.0/24", [DEFAULT], False),
        ("192.168.48.0/20", [DEFAULT], False),
        ("10.92.0.0/24", ["172.16.0.0/12", "10.0.0.0/8"], True),
        ("192.168.56.0/24", ["10.0.0.0/8"], False),
        ("192.168.56.0/24", [], False),
    ],
)
def test_a_network_that_virtualbox_refuses(wanted: str, within: list[str], fits: bool) -> None:
    args = (IPv4Network(wanted), [IPv4Network(each) for each in within])
    if fits:
        network.refuse_outside(*args)
        return
    with pytest.raises(BadInput, match=r"networks.conf allows others by a line `\* ") as caught:
        network.refuse_outside(*args)
    assert str(caught.value).endswith(f"got {wanted}")


@pytest.mark.parametrize(
    ("wanted", "what"),
    [
        ("10.42.7.0/24", "10.42.0.0/16, which k3s has for pods"),
        ("10.43.0.0/16", "10.43.0.0/16, which k3s has for services"),
        ("10.44.0.0/24", ""),
        ("192.168.56.0/24", ""),
    ],
)
def test_a_network_that_the_cluster_has_inside(wanted: str, what: str) -> None:
    if not what:
        network.refuse_cluster(IPv4Network(wanted))
        return
    with pytest.raises(BadInput, match=f"network: {wanted} and {what}, overlap: take one"):
        network.refuse_cluster(IPv4Network(wanted))


def test_networks_are_judged_by_the_hypervisor(fern: Lab) -> None:
    with pytest.raises(BadInput, match="network: expected one in 192.168.56.0/21"):
        fern.provider.check(fern.wish(network="10.92.0.0/24"))
    fern.here.networks = (IPv4Network("10.0.0.0/8"),)
    fern.provider.check(fern.wish(network="10.92.0.0/24"))
    with pytest.raises(BadInput, match="network: expected one in 10.0.0.0/8"):
        fern.provider.check(fern.wish())
    fern.provider.check(fern.wish(hypervisor="libvirt"))
    for hypervisor in ("libvirt", "virtualbox"):
        with pytest.raises(BadInput, match="10.42.5.0/24 and 10.42.0.0/16"):
            fern.provider.check(fern.wish(network="10.42.5.0/24", hypervisor=hypervisor))
    assert fern.double.calls == []


MODULES = "kvm_intel 458752 4 - Live 0x0\nkvm 1396736 1 kvm_intel, Live 0x0\next4 1 0 - Live 0x0\n"


@pytest.mark.parametrize(
    ("modules", "release", "at_load", "begins"),
    [
        (MODULES, "6.12.3", "Y\n", "kvm_intel is loaded, and from Linux 6.12 on (this is 6.12.3)"),
        (MODULES, "7.0.0-1-generic", "", "kvm_intel is loaded"),
        (MODULES.replace("intel", "amd"), "6.17.0-35-generic", "Y", "kvm_amd is loaded"),
        (MODULES, "6.12.3", "N\n", ""),
        (MODULES, "6.11.0-9-generic", "", ""),
        (MODULES, "5.15.0", "", ""),
        ("ext4 1 0 - Live 0x0\n", "6.12.3", "", ""),
        ("", "6.12.3", "", ""),
    ],
)
def test_kvm_that_may_be_in_virtualboxs_way(
    modules: str, release: str, at_load: str, begins: str
) -> None:
    found = kvm.judged(modules, release, at_load)
    assert found.startswith(begins)
    assert bool(found) == bool(begins)


@pytest.mark.parametrize(("hypervisor", "says"), [("virtualbox", "kvm"), ("libvirt", "firewall")])
def test_what_may_be_in_the_way_is_said_before_machines_are_made(
    fern: Lab, hypervisor: str, says: str
) -> None:
    fern.here.kvm, fern.here.firewall = "kvm is loaded", "firewall drops"
    fern.here.hypervisor = hypervisor
    fern.double.boxes.add((BOX, hypervisor, "1.2.3"))
    up(fern)
    assert fern.said[0].startswith(says)
    assert len([line for line in fern.said if line.startswith(("kvm", "firewall"))]) == 1
    fern.said.clear()
    up(fern)
    assert fern.said == []


OURS = ["fern-master", "fern-worker1"]


@pytest.mark.parametrize(
    ("known", "found", "left"),
    [
        (
            [],
            ["fern-master", "fern-worker10", "xfern-master", "fern"],
            "fern-master: libvirt has",
        ),
        ([], ["fern-worker1", "fern-master"], "fern-master, fern-worker1: libvirt has them"),
        (["fern-master"], ["fern-master"], ""),
        (["fern-master"], OURS, "fern-worker1: libvirt has it"),
        ([], [], ""),
    ],
)
def test_what_libvirt_has_and_vagrant_does_not_know(
    known: list[str], found: list[str], left: str
) -> None:
    if not left:
        domains.refuse_left(OURS, known, found)
        return
    with pytest.raises(BadInput, match=f"^{left}.*undefine fern-.* --remove-all-storage"):
        domains.refuse_left(OURS, known, found)


def test_what_libvirt_has_left_is_named_and_not_removed(fern: Lab) -> None:
    """Vagrant's directory was removed, so that it knows none of its machines."""
    fern.here.hypervisor = "libvirt"
    fern.double.boxes.add((BOX, "libvirt", "1.2.3"))
    up(fern)
    fern.here.domains = frozenset({"fern-master", "fern-worker1", "fern-storage", "other-master"})
    fern.provider.check(fern.wish())
    shutil.rmtree(fern.home / ".vagrant")
    fern.double.made.clear()
    with pytest.raises(BadInput, match="^fern-master, fern-worker1, fern-storage: libvirt has"):
        fern.provider.check(fern.wish())
    assert fern.double.changed() == []
    fern.here.domains = frozenset({"other-master"})
    fern.provider.check(fern.wish())
    assert up(fern) == [call.replace("virtualbox", "libvirt") for call in UP]


@pytest.mark.parametrize(
    ("box", "fits"),
    [
        (Box("a/b", "libvirt", "1"), True),
        (Box("a/b", "libvirt", "1", "amd64"), True),
        (Box("a/b", "libvirt", "1", "arm64"), False),
        (Box("a/b", "virtualbox", "1", "amd64"), False),
        (Box("a/c", "libvirt", "1", "amd64"), False),
    ],
)
def test_a_box_is_for_some_processors(box: Box, fits: bool) -> None:
    assert box.fits("a/b", "", "libvirt", "amd64") is fits
    assert box.fits("a/b", "1", "libvirt", "amd64") is fits
    assert not box.fits("a/b", "2", "libvirt", "amd64")


def test_a_box_for_other_processors_is_refused_before_a_machine_is_made(fern: Lab) -> None:
    fern.double.architecture, fern.here.architecture = "amd64", "arm64"
    says = "The box you're attempting to add doesn't support the requested\narchitecture. Please"
    fern.double.faults = [("box add", says)]
    with pytest.raises(WhisklabError, match="is not made for this computer's processors.*`image:`"):
        up(fern)
    assert fern.double.made == {}
    fern.here.architecture = "amd64"
    assert up(fern) == UP


def test_what_is_too_much_for_this_computer(fern: Lab) -> None:
    fern.here.size = Computer(2, 15 * GIB, 900 * GIB, 100 * GIB)
    with pytest.raises(BadInput, match="the machines to be made need 16384 MB of memory, and this"):
        fern.provider.check(fern.wish())
    fern.here.size = Computer(1, 64 * GIB, 900 * GIB, 100 * GIB)
    with pytest.raises(BadInput, match="master: 2 processors are more than this computer has"):
        fern.provider.check(fern.wish())
    fern.here.size = Computer(2, 64 * GIB, 900 * GIB, 100 * GIB)
    fern.provider.check(fern.wish())
    up(fern)
    assert fern.said[0].startswith("disks may grow to 122880 MB in all, and 102400 MB are free")
    fern.here.size = Computer(1, GIB, GIB, GIB)
    fern.provider.check(fern.wish())  # they are there
