"""A lab of the double's instances: the program, what it was asked, machines that answer, a time."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.unit.lab.guests import wished
from tests.unit.lab.multipass import double
from whisklab.lab.common.ended import Ended
from whisklab.lab.common.guest.capacity import Computer
from whisklab.lab.common.guest.clock import Clock
from whisklab.lab.common.guest.reach import Login, NotYet, Place, Reach, Stranger, public_of
from whisklab.lab.common.guest.told import LOOK, MARKER
from whisklab.lab.provider import Wish
from whisklab.lab.providers.multipass import grown
from whisklab.lab.providers.multipass.client import Client
from whisklab.lab.providers.multipass.provider import Multipass

GIB = 1024**3
DONE = '{"status": "done", "extended_status": "done", "errors": [], "stage": null}'
BIG = Computer(cpus=16, memory=64 * GIB, disk=900 * GIB, free=500 * GIB)


class Program:
    """The double, and its state."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "multipass.json"
        self.path = directory / "multipass"
        self.path.write_text(
            f'#!/bin/sh\nexec {sys.executable} {double.__file__} {self.file} "$@"\n'
        )
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)
        if self.file.exists():
            return  # another process's
        self.write({
            "instances": {}, "faults": [], "calls": [], "now": 0, "most": 0, "slow": 0,
            "preparing": [], "settings": {"client.primary-name": "primary", "local.driver": "qemu"},
        })  # fmt: skip

    def __call__(
        self,
        arguments: Sequence[str],
        stdin: str,
        within: float,  # noqa: ARG002
        unwanted: Callable[[], bool],  # noqa: ARG002
    ) -> Ended:
        """Be called without a process, which a hundred calls would wait for."""
        return Ended(*double.call(self.file, list(arguments), stdin))

    def read(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def write(self, data: dict[str, Any]) -> None:
        self.file.write_text(json.dumps(data))

    def change(self, work: Callable[[dict[str, Any]], object]) -> None:
        with double.state(self.file) as data:
            work(data)

    def fault(self, when: str, says: str = "", times: int = 1, **more: object) -> None:
        """Have calls with these words fail so often, by saying something."""
        fault = {"when": when, "says": says, "times": times, **more}
        self.change(lambda data: data["faults"].append(fault))

    def state(self, name: str, state: str) -> None:
        self.change(lambda data: data["instances"][name].update(state=state))

    def rewrite(self, name: str, work: Callable[[dict[str, Any]], object]) -> None:
        """Have an instance as if it had been made with other data."""

        def anew(data: dict[str, Any]) -> None:
            given = yaml.safe_load(data["instances"][name]["user_data"])
            work(given)
            data["instances"][name]["user_data"] = yaml.safe_dump(given)

        self.change(anew)

    def states(self) -> dict[str, str]:
        return {name: each["state"] for name, each in self.read()["instances"].items()}

    def asked(self) -> list[str]:
        """Every call so far; none is remembered then."""
        calls = [" ".join(each["argv"]) for each in self.read()["calls"]]
        self.change(lambda data: data.update(calls=[]))
        return calls

    def changed(self) -> list[str]:
        """The calls so far that are no questions."""
        return [each for each in self.asked() if each.split()[0] not in {"list", "get"}]


class Machines(Reach):
    """Machines that answer by SSH as the double's instances would, by the data they were given."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.status: dict[str, list[str]] = {}  # by instance: what cloud-init says, one a look
        self.silent: set[str] = set()
        self.bare: set[str] = set()  # to which our data were not applied
        self.disks = ""  # what a machine says of its own
        self.asked: list[str] = []

    def ask(self, place: Place, login: Login, command: str) -> str:
        for name, each in self.program.read()["instances"].items():
            if place.address in each["ipv4"] and each["state"] in {"Running", "Unknown"}:
                if command == grown.LOOK:
                    return self.disks
                assert command == LOOK
                return self._answer(name, yaml.safe_load(each["user_data"]), login)
        raise NotYet("nobody answers")

    def _answer(self, name: str, data: dict[str, Any], login: Login) -> str:
        self.asked.append(name)
        if name in self.silent:
            raise NotYet("timed out")
        if public_of(data["ssh_keys"]["ed25519_private"]) != login.host_key:
            raise Stranger("it shows the host key SHA256:one, and the machine's is SHA256:other")
        assert login.user in {user["name"] for user in data["users"] if user != "default"}
        (marker,) = [e["content"] for e in data["write_files"] if e["path"] == MARKER]
        said = self.status.get(name, [])
        status = (said.pop(0) if len(said) > 1 else said[0]) if said else DONE
        return f"{'' if name in self.bare else marker}\n---\n{status}"


@dataclass
class Time(Clock):
    """A time that passes only where it is waited; `then` happens at its moments."""

    seconds: float = 0.0
    then: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += max(seconds, 0.1)
        due = [each for each in self.then if each[0] <= self.seconds]
        self.then = [each for each in self.then if each[0] > self.seconds]
        for _, work in due:
            work()


@dataclass
class Lab:
    """A lab `fern`, and all that it is tried with."""

    program: Program
    machines: Machines
    time: Time
    provider: Multipass
    said: list[str] = field(default_factory=list)
    firewall: str = ""  # what is to be said of the computer's

    def report(self, line: str) -> None:
        self.said.append(line)

    def wish(self, groups: Mapping[str, tuple[str, ...]] | None = None, name: str = "fern") -> Wish:
        """The lab as it is to be."""
        return wished(name, "10.77.0.0/24", {"image": "24.04"}, groups)


def lab(directory: Path) -> Lab:
    """A lab whose program is in a directory; the state directory has to be a test's own."""
    program, time = Program(directory), Time()
    machines = Machines(program)
    client = Client(program, time)
    provider = Multipass(client, machines, time, lambda: BIG, lambda: made.firewall)
    made = Lab(program, machines, time, provider)
    return made
