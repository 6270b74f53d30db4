"""The command line of Vagrant, in one lab's directory: deadlines, and failures as sentences.

Texts and the machine-readable form are those of Vagrant 2.3 and 2.4 and of vagrant-libvirt 0.11 and
0.12 (their sources: templates/locales, locales, plugins/commands).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whisklab.lab.common.ended import Ended, run
from whisklab.lab.common.guest.reach import Place
from whisklab.lab.providers.vagrant.failures import Failed, failure

PROGRAM = "vagrant"
_MISSING = "install Vagrant (Debian: vagrant, with vagrant-libvirt or VirtualBox)"
_QUICK, _SLOW, _BOX = 120.0, 1800.0, 3600.0  # seconds; a box is a download of half a gigabyte
_FIELDS = 4  # of a machine-readable line: time, machine, kind, data
_PAIR = 2

_ANY = "n/a"  # what Vagrant says of a box that does not say for which processors it is


@dataclass(frozen=True)
class Box:
    """A box: its name, hypervisor, version, and processors (which Vagrant tells from 2.4 on)."""

    name: str
    hypervisor: str
    version: str
    architecture: str = _ANY

    def fits(self, name: str, version: str, hypervisor: str, architecture: str) -> bool:
        """Whether it is what is wanted; any version does for ""."""
        return (
            (self.name, self.hypervisor) == (name, hypervisor)
            and version in ("", self.version)
            and self.architecture in (_ANY, architecture)
        )


# Runs a command with its environment, and ends it after so many seconds. (Vagrant is asked by the
# main thread alone, which an interrupt reaches.)
Program = Callable[[Sequence[str], Mapping[str, str], float], Ended]


def vagrant(arguments: Sequence[str], environment: Mapping[str, str], within: float) -> Ended:
    """Run Vagrant, as the user has it."""
    return run([PROGRAM, *arguments], within, missing=_MISSING, environment=environment)


class Client:
    """What is asked of Vagrant.

    Args:
        home: the directory of the Vagrantfile.
        data: Vagrant's own directory of the lab.
        program: runs it.
    """

    def __init__(self, home: Path, data: Path, program: Program = vagrant) -> None:
        self.home, self.data = home, data
        self._program = program
        self._environment = {
            **os.environ,
            "VAGRANT_CWD": str(home),
            "VAGRANT_DOTFILE_PATH": str(data),
            "VAGRANT_NO_COLOR": "1",
            "VAGRANT_CHECKPOINT_DISABLE": "1",
        }

    def states(self) -> dict[str, str]:
        """Return the state of each machine of the description, in Vagrant's words."""
        lines = self._run("status", "--machine-readable", within=_QUICK).splitlines()
        parts = [line.split(",", _FIELDS - 1) for line in lines]
        return {part[1]: part[3] for part in parts if len(part) == _FIELDS and part[2] == "state"}

    def boxes(self) -> list[Box]:
        """Return all boxes that there are."""
        found: list[dict[str, str]] = []
        for line in self._run("box", "list", "--machine-readable", within=_QUICK).splitlines():
            part = line.split(",", _FIELDS - 1)
            if len(part) != _FIELDS or not part[2].startswith("box-"):
                continue
            if part[2] == "box-name":
                found.append({})
            found[-1][part[2]] = part[3]
        return [
            Box(each["box-name"], each["box-provider"], each["box-version"],
                each.get("box-architecture", _ANY))
            for each in found
        ]  # fmt: skip

    def add_box(self, name: str, version: str, hypervisor: str) -> None:
        """Fetch a box."""
        which = ("--box-version", version) if version else ()
        self._run("box", "add", name, "--provider", hypervisor, *which, within=_BOX)

    def up(self, name: str, hypervisor: str) -> None:
        """Make or start a machine; its files are brought at its first start."""
        self._run("up", name, "--provider", hypervisor, within=_SLOW)

    def provision(self, name: str) -> None:
        """Bring a machine its files again, where its first start was cut short."""
        self._run("provision", name, within=_SLOW)

    def halt(self, name: str) -> None:
        """Power a machine off."""
        self._run("halt", name, within=_SLOW)

    def destroy(self, name: str) -> None:
        """Remove a machine for good."""
        self._run("destroy", "--force", name, within=_SLOW)

    def place(self, name: str) -> Place:
        """Return where the sshd of a running machine is."""
        text = self._run("ssh-config", name, within=_QUICK)
        lines = (line.split(maxsplit=1) for line in text.splitlines())
        found = {line[0]: line[1] for line in lines if len(line) == _PAIR}
        try:
            return Place(found["HostName"], int(found["Port"]))
        except (KeyError, ValueError):
            raise Failed(f"{name}: `vagrant ssh-config` tells no address") from None

    def snapshots(self, name: str) -> frozenset[str]:
        """Return the names of a machine's snapshots."""
        text = self._run("snapshot", "list", name, within=_QUICK)
        return frozenset(line.rpartition(" ")[2] for line in text.splitlines() if line.strip())

    def snapshot(self, name: str, called: str) -> None:
        """Take a snapshot of a machine."""
        self._run("snapshot", "save", name, called, within=_SLOW)

    def restore(self, name: str, called: str) -> None:
        """Have a machine as it was, off."""
        self._run("snapshot", "restore", "--no-provision", "--no-start", name, called, within=_SLOW)

    def delete_snapshot(self, name: str, called: str) -> None:
        """Remove a snapshot; nothing when there is none."""
        if called in self.snapshots(name):
            self._run("snapshot", "delete", name, called, within=_SLOW)

    def _run(self, *arguments: str, within: float) -> str:
        ended = self._program(arguments, self._environment, within)
        if ended.code == 0:
            return ended.out
        raise failure(arguments, ended.said, ended.out)
