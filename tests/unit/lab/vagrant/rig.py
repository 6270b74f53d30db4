"""A lab of machines that a double of Vagrant makes, and what they answer by SSH.

The double reads the description that the Vagrantfile reads, prints what Vagrant prints, and fails
where its sources say so. A machine that it makes has what provision.sh would give it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from tests.unit.lab.guests import wished
from tests.unit.lab.multipass.rig import BIG, DONE, Time
from whisklab.lab.common.ended import Ended
from whisklab.lab.common.guest.capacity import Computer
from whisklab.lab.common.guest.reach import Login, NotYet, Place, Reach, Stranger
from whisklab.lab.common.guest.told import LOOK
from whisklab.lab.provider import Wish
from whisklab.lab.providers.vagrant.computer import Looks
from whisklab.lab.providers.vagrant.provider import Vagrant

BOX = "bento/ubuntu-24.04"
FIRST_PORT = 2200
BOX_LINES = ("box-name", "box-provider", "box-version", "box-architecture")  # of Vagrant 2.4


@dataclass
class Made:
    """A machine that was made: its state, its port, and what was brought to it."""

    state: str
    port: int
    hypervisor: str
    brought: dict[str, str] = field(default_factory=dict)
    cards: str = ""
    snapshots: dict[str, dict[str, str]] = field(default_factory=dict)


class Double:
    """Vagrant, as a function."""

    def __init__(self) -> None:
        self.made: dict[str, Made] = {}
        self.boxes: set[tuple[str, str, str]] = {(BOX, "virtualbox", "1.2.3")}
        self.architecture = "n/a"  # of all boxes
        self.calls: list[list[str]] = []
        self.faults: list[tuple[str, str]] = []  # words of a call, and what it then says
        self.lost: set[str] = set()  # machines whose provisioning is cut short
        self.environment: Mapping[str, str] = {}
        self.ports = 0

    def __call__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        within: float,  # noqa: ARG002
    ) -> Ended:
        """Do what a call asks for."""
        self.calls.append(list(arguments))
        self.environment = environment
        for words, says in self.faults:
            if all(word in arguments for word in words.split()):
                return Ended(1, "", says)
        verb = arguments[0].replace("-", "_")
        do: Callable[[list[str]], Ended] = getattr(self, f"do_{verb}")
        return do(list(arguments[1:]))

    def described(self) -> dict[str, Any]:
        file = Path(self.environment["VAGRANT_DOTFILE_PATH"]) / "whisklab.json"
        found: dict[str, Any] = json.loads(file.read_text())
        return {**found, "by_name": {each["name"]: each for each in found["machines"]}}

    def changed(self) -> list[str]:
        """The calls so far that are no questions; none is remembered then."""
        asks = {"status", "ssh-config"}
        calls, self.calls = self.calls, []
        return [
            " ".join(each) for each in calls
            if each[0] not in asks and each[:2] not in (["box", "list"], ["snapshot", "list"])
        ]  # fmt: skip

    def do_status(self, _: list[str]) -> Ended:
        if not (Path(self.environment["VAGRANT_DOTFILE_PATH"]) / "whisklab.json").exists():
            return Ended(1, "", "There is no whisklab.json")  # the Vagrantfile ends so
        lines = []
        for name in self.described()["by_name"]:
            state = self.made[name].state if name in self.made else "not_created"
            lines += [
                f"1790000001,{name},metadata,provider,virtualbox",
                f"1790000002,{name},state,{state}",
                f"1790000002,{name},state-human-long,It is so.%!(VAGRANT_COMMA) Stop it with halt",
            ]
        return Ended(0, "\n".join([*lines, "1790000002,,ui,info,Current states:\\n\\n"]), "")

    def do_box(self, arguments: list[str]) -> Ended:
        if arguments[0] == "list":
            lines = [
                f"1,,{kind},{text}"
                for box in sorted(self.boxes)
                for kind, text in zip(BOX_LINES, (*box, self.architecture), strict=True)
            ]
            return Ended(0, "\n".join(lines), "")
        version = arguments[-1] if "--box-version" in arguments else "1.2.3"
        self.boxes.add((arguments[1], arguments[3], version))
        return Ended(0, "", "")

    def do_up(self, arguments: list[str]) -> Ended:
        name, hypervisor = arguments[0], arguments[2]
        found = self.made.get(name)
        if found and found.hypervisor != hypervisor:
            return Ended(1, "", "An active machine was found with a different provider. Vagrant\n")
        self.ports += 1
        if found is None:
            found = self.made[name] = Made("running", 0, hypervisor)
            each = self.described()["by_name"][name]
            found.cards = (
                "lo UNKNOWN 127.0.0.1/8\nenp0s3 UP 10.0.2.15/24 metric 100\n"
                f"enp0s8 UP {each['address']}/24\n"
            )
            if name not in self.lost:
                self.do_provision([name])
        found.state, found.port = "running", FIRST_PORT + self.ports
        return Ended(0, "", "")

    def do_provision(self, arguments: list[str]) -> Ended:
        files = Path(self.described()["by_name"][arguments[0]]["files"])
        self.made[arguments[0]].brought = {each.name: each.read_text() for each in files.iterdir()}
        return Ended(0, "", "")

    def do_halt(self, arguments: list[str]) -> Ended:
        self.made[arguments[0]].state = "poweroff"
        return Ended(0, "", "")

    def do_destroy(self, arguments: list[str]) -> Ended:
        assert arguments[0] == "--force"
        del self.made[arguments[1]]
        return Ended(0, "", "")

    def do_ssh_config(self, arguments: list[str]) -> Ended:
        found = self.made[arguments[0]]
        if found.state != "running":
            return Ended(
                1, "", "The provider for this Vagrant-managed machine is reporting that it"
            )
        return Ended(0, (
            f"Host {arguments[0]}\n  HostName 127.0.0.1\n  User vagrant\n  Port {found.port}\n"
            "  UserKnownHostsFile /dev/null\n  StrictHostKeyChecking no\n"
            '  IdentityFile "/srv/class room/.vagrant/private_key"\n  LogLevel FATAL\n\n'
        ), "")  # fmt: skip

    def do_snapshot(self, arguments: list[str]) -> Ended:
        verb, *rest = [each for each in arguments if not each.startswith("--")]
        found = self.made[rest[0]]
        if verb == "list":
            none = "==> master: No snapshots have been taken yet!"
            return Ended(
                0, "\n".join(["==> x: ", *found.snapshots]) if found.snapshots else none, ""
            )
        if verb == "save":
            assert found.state != "running"
            found.snapshots[rest[1]] = dict(found.brought)
        elif verb == "restore":
            assert arguments[1:3] == ["--no-provision", "--no-start"]
            found.brought = dict(found.snapshots[rest[1]])
        else:
            del found.snapshots[rest[1]]
        return Ended(0, "", "")


class Machines(Reach):
    """What is behind the forwarded ports."""

    def __init__(self, double: Double) -> None:
        self.double = double

    def ask(self, place: Place, login: Login, command: str) -> str:
        for found in self.double.made.values():
            if found.port == place.port and found.state == "running":
                return self._answer(found, login, command)
        raise NotYet("connection refused")

    def _answer(self, found: Made, login: Login, command: str) -> str:
        if found.brought.get("host_key.pub", "").split() != login.host_key.split():
            raise Stranger("it shows the host key SHA256:one, and the machine's is SHA256:other")
        assert found.brought["user"].strip() == login.user
        if command == LOOK:
            return f"{found.brought['marker']}\n---\n{DONE}"
        return found.cards


@dataclass
class Here:
    """What is found on the computer."""

    hypervisor: str = "virtualbox"
    architecture: str = "amd64"
    firewall: str = ""
    kvm: str = ""
    networks: tuple[IPv4Network, ...] = (IPv4Network("192.168.56.0/21"),)
    domains: frozenset[str] = frozenset()
    size: Computer = BIG

    def looks(self) -> Looks:
        """As the provider looks, each time anew."""
        return Looks(
            lambda: self.hypervisor, lambda: self.architecture, lambda _hypervisor: self.size,
            lambda: self.firewall, lambda: self.kvm, lambda: self.networks, lambda: self.domains,
        )  # fmt: skip


@dataclass
class Lab:
    """A lab `fern`, and all that it is tried with."""

    home: Path
    here: Here
    double: Double
    time: Time
    provider: Vagrant
    said: list[str] = field(default_factory=list)

    def report(self, line: str) -> None:
        self.said.append(line)

    def wish(self, groups: Mapping[str, tuple[str, ...]] | None = None, **options: str) -> Wish:
        """The lab as it is to be."""
        network = options.pop("network", "192.168.56.0/24")
        return wished("fern", network, {"image": BOX, **options}, groups)


def lab(home: Path) -> Lab:
    """A lab whose Vagrantfile is in a directory; the state directory has to be a test's own."""
    double, time, here = Double(), Time(), Here()
    (home / "Vagrantfile").write_text("")
    provider = Vagrant(double, Machines(double), time, here.looks())
    return Lab(home, here, double, time, provider)


UP = [f"up {name} --provider virtualbox" for name in ("storage", "master", "worker1")]


def up(fern: Lab, **how: bool) -> list[str]:
    """Bring the lab up; returns the calls that are no questions."""
    fern.double.changed()
    fern.provider.up(fern.wish(), fern.report, **how)
    return fern.double.changed()
