"""Virtual machines by the real Vagrant and libvirt, from nothing to nothing.

QEMU computes their processors, so they are slow and little, and nothing is deployed on them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import bases
from tests.e2e.cluster.site import Run
from tests.e2e.upstream.network import Inside
from tests.e2e.vagrant import box
from tests.e2e.vagrant.computer import computer, virsh
from whisklab.lab import standins
from whisklab.paths import cache_dir

pytestmark = pytest.mark.soak

TOPOLOGY = f"""
provider: vagrant
catalogue: standins
hypervisor: libvirt
image: {box.NAME}
network: 192.168.56.0/24
user: lab
hosts:
  master:  {{groups: [masters], cpus: 2, memory: 1G, disk: 6G}}
  storage: {{groups: [storage, registry], cpus: 1, memory: 1G, disk: 6G}}
"""
ADDRESSES = {"master": "192.168.56.11", "storage": "192.168.56.12"}
WITHIN = 3600.0  # seconds; a machine takes minutes to start


class Computer(Inside):
    """The copy of the repository on the computer that has libvirt."""

    def does(self, verb: str, *arguments: str, code: int = 0) -> Run:
        """Run a verb of whisklab for the lab."""
        done = self.run(".venv/bin/whisklab", verb, self.name, *arguments, timeout=WITHIN)
        assert done.code == code, done.output
        return done

    def on(self, machine: str, command: str) -> str:
        """Run a command on a machine as its user."""
        return self.does("ssh", machine, "--", command).stdout.strip()

    def host_keys(self) -> set[str]:
        """The keys that the lab knows its machines by; their addresses may be others tomorrow."""
        text = Path(self.lab["known_hosts"]).read_text()
        return {line.split(maxsplit=1)[1] for line in text.splitlines()}

    def domains(self) -> dict[str, str]:
        """The machines that libvirt knows, and their states."""
        lines = virsh(self.inside, "list", "--all").splitlines()[2:]
        parts = [line.split(maxsplit=2) for line in lines if line.strip()]
        return {name.removeprefix(f"{self.name}-"): state for _, name, state in parts}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, lab_name: str) -> Iterator[Computer]:
    """The computer with the box, and a topology of two machines."""
    standins.build(report=print)  # its computer has no way to what they are built of
    own = {name: tmp_path_factory.mktemp(name) for name in ("computer", "box", "home", "site")}
    with computer(own["computer"]) as inside:
        made = Computer(own["site"], lab_name, [*inside, f"--wdns={own['site']}"])
        made.copy_repository()
        (made.directory / ".venv").symlink_to(Path(sys.executable).parents[1])
        made.environment |= box.home(own["home"], own["box"]) | {
            "XDG_CACHE_HOME": str(cache_dir().parent),
            "XDG_STATE_HOME": str(bases.STATE),
        }
        (made.directory / f"inventories/{lab_name}.yaml").write_text(TOPOLOGY)
        source = (made.directory / "inventories/vagrant.py").read_text()
        (made.directory / made.inventory).write_text(source)
        # In the repository, as the documentation has it typed.
        added = made.run("vagrant", "box", "add", box.NAME, str(box.made(own["box"])))
        assert added.code == 0, added.output
        try:
            yield made
        finally:
            made.run(".venv/bin/whisklab", "down", lab_name, "--yes", timeout=WITHIN)


def test_from_nothing_to_nothing(site: Computer) -> None:
    site.does("up")
    assert site.domains() == dict.fromkeys(ADDRESSES, "running")
    for name, address in ADDRESSES.items():
        assert site.on(name, "hostname") == name
        assert f" {address}/24" in site.on(name, "ip -brief -family inet address")
        assert site.on(name, "sudo id -un") == "root"
    assert "127.0.0.1" not in site.does("status", code=1).output  # nothing is deployed yet
    begun = {name: site.on(name, "cat /proc/sys/kernel/random/boot_id") for name in ADDRESSES}

    site.does("up")  # again
    assert {n: site.on(n, "cat /proc/sys/kernel/random/boot_id") for n in ADDRESSES} == begun

    site.on("master", "echo kept | sudo tee /root/kept")
    site.does("stop")
    assert site.domains() == dict.fromkeys(ADDRESSES, "shut off")
    site.does("snapshot", "ready")  # of a lab that is off: each start takes minutes
    assert site.domains() == dict.fromkeys(ADDRESSES, "shut off")
    site.does("start")
    site.on("master", "sudo mv /root/kept /root/lost")
    site.does("restore", "ready")
    assert site.on("master", "sudo cat /root/kept") == "kept"

    site.does("snapshot", "ready", "--delete")
    keys = site.host_keys()
    site.does("rebuild", "storage")
    assert site.on("storage", "sudo test -e /root/kept || echo new") == "new"
    assert site.on("master", "sudo cat /root/kept") == "kept"
    assert site.host_keys() == keys

    site.does("down", "--yes")
    assert site.domains() == {}
    assert site.name not in virsh(site.inside, "vol-list", "default")
