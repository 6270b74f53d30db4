"""What the rest of the lab knows of where machines come from: this interface, and nothing else.

Another provider is a package below `providers/`, with a module `provider` that has a `PROVIDER`,
and one line here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any, Protocol, cast

from whisklab.errors import BadInput
from whisklab.lab.common.machine import Machine
from whisklab.lab.common.run import Report

_PROVIDERS = {
    "nspawn": "whisklab.lab.providers.nspawn.provider",
    "multipass": "whisklab.lab.providers.multipass.provider",
    "vagrant": "whisklab.lab.providers.vagrant.provider",
}


@dataclass(frozen=True)
class Wish:
    """A lab as it is to be.

    Attributes:
        name: of the lab.
        user: who logs into the machines.
        authorized_key: the public SSH key of that user.
        key: the file with its private half.
        network: of the machines.
        internet: whether they have a way out.
        options: what only some providers read of a topology, by its key.
        machines: in the order of the topology.
        host_keys: the private SSH key of each machine, by its name.
    """

    name: str
    user: str
    authorized_key: str
    key: Path
    network: IPv4Network
    internet: bool
    options: Mapping[str, str]
    machines: tuple[Machine, ...]
    host_keys: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Reached:
    """How a machine is reached.

    Attributes:
        inside: its address in the network of the machines.
        address: where its SSH is.
        port: of it.
        interface: the network card that has `inside`, where another one has the default route.
        forwards: local ports at `address` by ports of the machine, without SSH's.
    """

    inside: IPv4Address
    address: str
    port: int
    interface: str = ""
    forwards: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Up:
    """Machines that answer SSH.

    Attributes:
        machines: how each is reached, by name.
        started: machines that were not running.
        left: machines that are there and not wished.
        removed: machines that were there, not wished, and are gone.
        seconds: what took how long.
    """

    machines: Mapping[str, Reached]
    started: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Stopped:
    """Machines that were powered off; `killed` are those that did not in time."""

    machines: tuple[str, ...]
    killed: tuple[str, ...]


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of all machines of a lab.

    Attributes:
        name: of it.
        created: seconds since 1970.
        size: bytes of its disks, of which most may be shared; 0 where nobody tells.
        machines: their names.
        notes: what was said of it when it was taken (see `whisklab.lab.snapshots`).
    """

    name: str
    created: float
    size: int
    machines: tuple[str, ...]
    notes: Mapping[str, Any]


@dataclass(frozen=True)
class Unused:
    """Something that nothing uses: what it is, and how many bytes it takes."""

    what: str
    size: int


class Provider(Protocol):
    """Makes, keeps and copies machines. Each method may be called again after a crash of itself.

    `report` hears one line for each step of what takes long. All raise WhisklabError when something
    cannot be done, and BadInput when it could never be.

    Attributes:
        keys: of a topology that mean something to this provider, of those that only some take.
        defaults: of these keys, where they are not those of all.
        asks: whether `down` takes what nobody can have back, so that a person is to be asked.
    """

    keys: frozenset[str]
    defaults: Mapping[str, str]
    asks: bool

    def check(self, wish: Wish, /) -> None:
        """Refuse what this provider, or this computer, can never do."""

    def prepare(self, wish: Wish, report: Report, /) -> None:
        """Make beforehand what `up` would make for all labs, such as images."""

    def up(
        self, wish: Wish, report: Report, /, *, prune: bool = False, recover: bool = False
    ) -> Up:
        """Make and start what is missing.

        `prune` removes machines that are not wished; `recover` brings back those that somebody has
        deleted, where they can be had back.
        """

    def rebuild(self, wish: Wish, only: tuple[str, ...], report: Report, /) -> Up:
        """Give machines fresh disks, all of them when `only` is empty."""

    def stop(self, lab: str, report: Report, /) -> Stopped:
        """Power all machines off, those that others depend on last; disks and ports stay."""

    def down(self, lab: str, report: Report, /) -> tuple[str, ...]:
        """Remove all machines and all that was made for them; returns their names."""

    def knows(self, lab: str, /) -> bool:
        """Whether a lab was begun, and not removed, be it without any machine."""

    def machines(self, lab: str, /) -> Mapping[str, str]:
        """The machines of a lab, and the state of each; empty when there is none.

        That is RUNNING or STOPPED (`whisklab.lab.common.machine`), or the provider's own word where
        it says more, such as "suspended". Needs no rights and changes nothing.
        """

    def snapshot(
        self, wish: Wish, name: str, files: Mapping[str, str], notes: Mapping[str, Any],
        report: Report, /,
    ) -> tuple[Snapshot, Up | None]:  # fmt: skip
        """Keep all disks under a name, with our own `files`; a lab that runs is started again.

        Returns:
            The snapshot, and how the machines are reached now, None when they are not running.
        """

    def snapshots(self, lab: str, report: Report, /) -> tuple[Snapshot, ...]:
        """All snapshots of a lab, the oldest first."""

    def recall(self, lab: str, name: str, report: Report, /) -> Mapping[str, str]:
        """The files that were kept with a snapshot; refuses one that could not be restored."""

    def restore(self, wish: Wish, name: str, report: Report, /) -> Up:
        """Have the lab as it was, and start it; it need not be there."""

    def clone(
        self, wish: Wish, source: str, name: str | None, token: str, report: Report, /
    ) -> tuple[Up, Up | None]:
        """Make the lab `wish` as a copy of another: of its snapshot, or (None) of what it is now.

        One that was begun with this `token` is continued.

        Returns:
            How the clone is reached; and the source, where that had to be started again.
        """

    def delete(self, lab: str, name: str, report: Report, /) -> Snapshot:
        """Remove a snapshot; returns what it was."""

    def kept(self) -> frozenset[str]:
        """The names of the labs of which there are snapshots. Needs no rights."""

    def clean(self, report: Report, /, *, dry: bool = False) -> tuple[Unused, ...]:
        """Remove cached images that no lab and no snapshot uses; `dry` only returns them."""


def names() -> tuple[str, ...]:
    """The providers that there are."""
    return tuple(_PROVIDERS)


def get(name: str) -> Provider:
    """A provider by its name; each call makes one, whose waits an interrupt ends for good.

    Raises:
        BadInput: there is none of that name.
    """
    if name not in _PROVIDERS:
        raise BadInput(f"there is no provider {name!r}: there is {', '.join(names())}")
    return cast("Provider", importlib.import_module(_PROVIDERS[name]).PROVIDER())
