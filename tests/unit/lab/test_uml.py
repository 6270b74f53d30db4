"""Hosts with a kernel of their own: which they are, how they are made, and how they end."""

from __future__ import annotations

import os
import socket
import subprocess
import tarfile
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from whisklab.lab.common.machine import Machine
from whisklab.lab.providers.nspawn import image_files as common
from whisklab.lab.providers.nspawn import kernel
from whisklab.lab.providers.nspawn.image import digest
from whisklab.lab.providers.nspawn.layout import HostPaths, LabPaths
from whisklab.lab.providers.nspawn.plan import REBOOT, Plan
from whisklab.lab.providers.nspawn.spec import LabSpec, parse
from whisklab.lab.providers.uml import image, image_files, machine
from whisklab.lab.topology import Topology
from whisklab.lab.topology import parse as topology

HOST = Machine("s", ("storage",), IPv4Address("10.77.0.14"), kernel="uml")
PLAN = Plan("x", "/disks", "digest", "10.77.0.0/24", HOST)
PATHS = LabPaths("x", Path("/disks"))


def lab() -> LabSpec:
    """A lab of one host."""
    return parse(
        {
            "name": "x",
            "user": "lab",
            "authorized_key": "A",
            "network": "10.77.0.0/24",
            "internet": False,
            "hosts": [{**HOST.as_data(), "host_key": "K"}],
        }
    )


def hosts(text: str) -> Topology:
    return topology(f"hosts: {{{text}}}", "lab.yaml")


@pytest.mark.parametrize(
    ("host", "has_nfsd", "runs_on", "expected"),
    [
        ("{groups: [storage]}", False, "x86_64", "uml"),
        ("{groups: [storage]}", True, "x86_64", "shared"),
        ("{groups: [storage]}", False, "aarch64", "shared"),
        ("{groups: [masters]}", False, "x86_64", "shared"),
        ("{groups: [masters], kernel: uml}", True, "x86_64", "uml"),
        ("{groups: [storage], kernel: shared}", False, "x86_64", "shared"),
    ],
)
def test_a_host_has_its_own_kernel_when_it_needs_one(
    host: str, has_nfsd: bool, runs_on: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "has_filesystem", lambda name: has_nfsd and name == "nfsd")
    monkeypatch.setattr("platform.machine", lambda: runs_on)
    assert kernel.decided(hosts(f"s: {host}").machines()[0]).kernel == expected


def test_mount_nfs_is_built_only_for_who_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "program", lambda _: Path("/built"))
    with_storage, without = hosts("s: {groups: [storage]}, a: {}"), hosts("a: {}")
    monkeypatch.setattr(kernel, "has_filesystem", lambda _: False)
    assert kernel.nfs_client(with_storage.machines(), print) == Path("/built")
    assert kernel.nfs_client(without.machines(), print) is None
    monkeypatch.setattr(kernel, "has_filesystem", lambda _: True)
    assert kernel.nfs_client(with_storage.machines(), print) is None


def test_an_image_is_named_by_all_that_goes_into_it(monkeypatch: pytest.MonkeyPatch) -> None:
    one = digest(image.recipe("base", "6.1"))
    others = {
        digest(image.recipe("base", "6.2")),
        digest(image.recipe("another", "6.1")),
    }
    monkeypatch.setitem(image_files.LINKS, "etc/x", "/dev/null")
    others.add(digest(image.recipe("base", "6.1")))
    assert len({one, *others}) == 4


def test_what_only_containers_need_is_removed_from_the_image() -> None:
    assert set(image_files.REMOVED) <= {*common.FILES, *common.LINKS}


def test_the_identity_is_packed_for_the_first_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fchown", lambda *_: None)
    monkeypatch.setattr(os, "chown", lambda *_: None)
    root = tmp_path / "root/etc"
    root.mkdir(parents=True)
    for name in image.ACCOUNTS:
        (root / name).write_text("root:x:0:0::/root:/bin/bash\n")
    paths = HostPaths(tmp_path / "host")
    machine.make_disk(paths, tmp_path / "root", lab(), lab().hosts[0])
    assert paths.seed.stat().st_mode & 0o777 == 0o600  # the host's private key is in it
    with tarfile.open(paths.seed) as archive:
        entries = {entry.name: entry for entry in archive.getmembers()}
        read = archive.extractfile("etc/ssh/ssh_host_ed25519_key")
        assert read is not None
        assert read.read() == b"K"
    assert {"etc/hostname", "etc/resolv.conf", "etc/machine-id", "etc/hosts"} <= set(entries)
    assert entries["etc/sudoers.d/whisklab"].mode == 0o440
    assert {entry.uname for entry in entries.values()} == {""}


def test_a_kernel_that_reboots_tells_its_keeper(tmp_path: Path) -> None:
    paths = HostPaths(tmp_path)
    paths.upper.joinpath("etc/ssh").mkdir(parents=True)
    machine.refresh(paths, lab(), lab().hosts[0])
    assert subprocess.run([paths.rebooted], check=False).returncode == REBOOT
    argv = machine.command(PLAN)
    assert argv[0] == str(PATHS.host("s").rebooted)
    assert f"{image_files.ADDRESS}=10.77.0.14/24" in argv
    assert f"{image_files.GATEWAY}=10.77.0.1" in argv


def test_power_off_is_a_message_to_the_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "UML_RUN", tmp_path)
    machine.power_off(0, PLAN)  # nobody listens
    directory = tmp_path / PATHS.machine("s")
    directory.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as console:
        console.bind(str(directory / "mconsole"))
        machine.power_off(0, PLAN)
        magic, version, length, text = machine._MCONSOLE.unpack(console.recv(1024))
    assert (magic, version, text[:length]) == (0xCAFEBABE, 2, b"cad")


def test_what_deploys_install_by_name_is_not_in_the_image() -> None:
    simulated = (
        "Reading package lists...\n"
        "Inst rpcbind (1.2.6-6+b1 localhost [amd64])\n"
        "Inst nfs-common (1:2.6.2 localhost [amd64])\n"
        "Inst nfs-kernel-server (1:2.6.2 localhost [amd64])\n"
        "Conf rpcbind (1.2.6-6+b1 localhost [amd64])\n"
    )
    assert image.dependencies(simulated) == ["rpcbind"]
    assert set(image_files.DEPLOYED) <= set(common.REPOSITORY_PACKAGES)
