"""The recipe of the hosts' image and the network's names."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from whisklab.errors import WhisklabError
from whisklab.lab.common.release import Release, parse_os_release
from whisklab.lab.providers.nspawn import image, image_files, network, requirements, seed
from whisklab.lab.providers.nspawn.aptrepo import pick_sources
from whisklab.lab.providers.nspawn.image import digest, recipe
from whisklab.lab.providers.nspawn.layout import LabPaths
from whisklab.lab.providers.nspawn.spec import LabSpec, parse

DEBIAN = 'PRETTY_NAME="Debian 12"\nID=debian\nVERSION_CODENAME=bookworm\n'


def test_the_release_of_this_machine_is_that_of_the_hosts() -> None:
    assert parse_os_release(DEBIAN) == Release("debian", "bookworm")
    ubuntu = parse_os_release('ID=ubuntu\nVERSION_CODENAME="noble"')
    assert ubuntu == Release("ubuntu", "noble")


@pytest.mark.parametrize("text", ["", "ID=fedora\nPRETTY_NAME='Fedora 44'", "ID=debian"])
def test_other_systems_are_told_the_other_way(text: str) -> None:
    with pytest.raises(WhisklabError, match=r"neither.*inventories/example\.py"):
        parse_os_release(text)


def test_an_image_is_named_by_all_that_goes_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    release = Release("debian", "bookworm")
    one = digest(recipe(release, "x86_64", nfs_client=True))
    assert one == digest(recipe(release, "x86_64", nfs_client=True))
    others = {
        digest(recipe(release, "aarch64", nfs_client=True)),
        digest(recipe(release, "x86_64", nfs_client=False)),
        digest(recipe(Release("debian", "trixie"), "x86_64", nfs_client=True)),
    }
    monkeypatch.setitem(image_files.FILES, "etc/motd", ("hello", 0o644))
    others.add(digest(recipe(release, "x86_64", nfs_client=True)))
    assert len({one, *others}) == 5
    assert image.root_of(one).name == "root"


def test_only_the_distributions_own_sources_are_used_and_each_once() -> None:
    lines = (
        "Debian|deb http://mirror.test/debian/ bookworm main\n"
        "Debian|deb http://mirror.test/debian/ bookworm main\n"
        "Docker|deb http://vendor.test/ bookworm stable\n"
        "|deb http://unknown.test/ x y\n"
    )
    assert pick_sources(lines, "debian") == "deb http://mirror.test/debian/ bookworm main\n"
    assert pick_sources("", "debian") == ""


def test_what_deploys_install_is_in_the_repository_and_not_in_the_image() -> None:
    needed = {"nfs-common", "conntrack", "jq", "zstd", "tree", "chrony", "open-iscsi"}
    assert needed <= set(image_files.REPOSITORY_PACKAGES)
    assert not set(image_files.REPOSITORY_PACKAGES) & set(image_files.PACKAGES)


DISKS = Path("/disks")


def test_names_of_two_labs_and_hosts_never_meet() -> None:
    assert LabPaths("a-b", DISKS).host_netns("c") != LabPaths("a", DISKS).host_netns("b-c")
    longest = LabPaths("a" * 21, DISKS).machine("b" * 32)
    assert len(longest) <= 64  # a machine's name, as a host's


@pytest.mark.parametrize("address", ["10.77.0.11", "255.255.255.254"])
def test_interface_names_fit_and_hardware_addresses_are_local(address: str) -> None:
    assert len(network.link_name(IPv4Address(address))) <= 15
    first = int(network.mac(IPv4Address(address)).split(":")[0], 16)
    assert first & 0b11 == 0b10  # locally administered, not a group


def test_every_host_knows_itself_and_its_neighbours() -> None:
    hosts = [
        {
            "name": name,
            "address": f"10.77.0.{last}",
            "ports": [],
            "groups": [],
            "host_key": "",
            "kernel": "shared",
        }
        for name, last in (("a", 11), ("b", 12))
    ]
    base = {"name": "x", "user": "lab", "authorized_key": "", "network": "10.77.0.0/24"}
    lab: LabSpec = parse({**base, "internet": False, "hosts": hosts})
    assert seed.hosts_file(lab).splitlines()[-2:] == ["10.77.0.11 a", "10.77.0.12 b"]


def test_missing_programs_are_told_as_packages(tmp_path: object) -> None:
    wanted = {"sh": "dash", "no-such-program": "some-package", "no-other": "some-package"}
    assert requirements.missing(wanted, "/usr/bin:/bin") == ["some-package"]
