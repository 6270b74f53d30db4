"""The machines of a lab that Vagrant makes: made, started, stopped, removed, snapshots of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.guest import ready
from whisklab.lab.common.guest.beside import one_by_one
from whisklab.lab.common.guest.clock import Clock
from whisklab.lab.common.guest.reach import Login, NotYet, Place, Reach
from whisklab.lab.common.guest.record import Record
from whisklab.lab.common.machine import RUNNING, STOPPED
from whisklab.lab.common.run import Report
from whisklab.lab.providers.vagrant.client import Client
from whisklab.lab.providers.vagrant.description import DESCRIPTION
from whisklab.lab.providers.vagrant.failures import Failed

NOT_CREATED = "not_created"
_PLAINLY_OFF = frozenset({"poweroff", "shutoff"})
# The states of VirtualBox and libvirt in which a machine is off, and `vagrant up` starts it.
_OFF = _PLAINLY_OFF | {NOT_CREATED, "saved", "aborted", "crashed", "pmsuspended"}
_PAUSED = "paused"  # `vagrant up` has it go on, and `vagrant halt` ends it
# Those that pass; libvirt's machines are inaccessible until they have an address.
_ON_ITS_WAY = frozenset({"starting", "stopping", "saving", "restoring", "preparing",
                         "shutting_down", "shutdown", "inaccessible", "unknown"})  # fmt: skip
_WAIT, _POLL = 300.0, 2.0  # seconds
_CARDS = "ip -brief -family inet address"


@dataclass
class Fleet:
    """The machines of one lab, and what they are handled with."""

    client: Client
    reach: Reach
    clock: Clock
    record: Record
    report: Report

    def expected(self, name: str) -> ready.Expected:
        """Return which machine is to be found."""
        login = Login(self.record.user, self.record.key, self.record.members[name].host_key)
        here = f"VAGRANT_DOTFILE_PATH={self.client.data} vagrant"
        remedy = (
            "its forwarded port leads to another machine, or somebody made it anew: in "
            f"{self.client.home} `{here} reload {name}` gives it a port again, `{here} destroy "
            f"{name}` removes it"
        )
        return ready.Expected(name, self.record.instance(name), self.record.token, login, remedy)

    def told(self) -> dict[str, str]:
        """Return the machines that there are, and what their hypervisor calls the state of each."""
        states = self.states().items()
        return {
            name: STOPPED if state in _PLAINLY_OFF else state
            for name, state in states if state != NOT_CREATED
        }  # fmt: skip

    def states(self) -> Mapping[str, str]:
        """Return the state of each machine of the record."""
        if not self.record.members:
            return {}  # there may be no description yet, without which Vagrant answers nothing
        there = self.client.states()
        return {name: there.get(name, NOT_CREATED) for name in self.record.members}

    def refuse_taken(self, names: Iterable[str]) -> None:  # noqa: ARG002
        """Nothing: in its directory of the lab Vagrant knows only what was made by it.

        (What the hypervisor has beside that is refused by the provider's `check`.)
        """
        self.forget_lost()

    def forget_lost(self) -> None:
        """Forget all machines where Vagrant's own directory of the lab was removed: so has it."""
        if not (self.client.data / DESCRIPTION).exists():
            self.record.members.clear()

    def refuse_deleted(self, but: Iterable[str] = ()) -> None:
        """Nothing: what is deleted here is gone."""

    def refuse_others(self, names: Iterable[str]) -> None:
        """Refuse machines that turn out to be another's, before anything is changed.

        A forwarded port may be another machine's tomorrow, so that who answers there decides.

        Raises:
            WhisklabError: names one.
        """
        states = self.states()
        for name in names:
            if states.get(name) == RUNNING and self._was_ready(name):
                places = partial(self._places, name)
                ready.refuse_now(self.expected(name), self.reach, places, self.clock)

    def _was_ready(self, name: str) -> bool:
        """Whether a machine was ever ready: before that it shows the host key of its box."""
        return self.record.members[name].address is not None

    def start(self, names: Iterable[str]) -> list[str]:
        """Have machines running, one after another; returns who was not.

        (One at a time: VirtualBox imports boxes no other way, and the first start of each takes
        the disk of this computer.)
        """
        wanted, began = set(names), []
        for name in (each for part in self.record.parts() for each in part if each in wanted):
            if self._waited(name) == RUNNING:
                continue
            self.report(f"{name}: vagrant up")
            self.client.up(name, self.record.by)
            began.append(name)
        return began

    def _waited(self, name: str) -> str:
        """Return the state of a machine, when it is none that passes.

        Raises:
            WhisklabError: it is one from which nothing leads on.
        """
        over = self.clock.now() + _WAIT
        while (state := self.states()[name]) in _ON_ITS_WAY and self.clock.now() < over:
            self.clock.sleep(_POLL)
        if state in _OFF or state in {RUNNING, _PAUSED}:
            return state
        network = " (it has no address: is the hypervisor's network up, and its DHCP?)"
        raise WhisklabError(
            f"{self.record.instance(name)}: its state is {state}"
            f"{network if state == 'inaccessible' else ''}: look at it in the hypervisor, and run "
            "this again when it is on or off"
        )

    def stop(self) -> list[str]:
        """Power all machines off, those of the group storage last; returns those that ran."""
        order = [each for part in self.record.parts()[::-1] for each in part]
        ran = [name for name in order if self._waited(name) in {RUNNING, _PAUSED}]
        for name in ran:
            self.report(f"{name}: vagrant halt")
            self.client.halt(name)
        return ran

    def remove(self, names: Iterable[str]) -> list[str]:
        """Remove machines for good, one after another; returns those that there were.

        Raises:
            WhisklabError: some could not be, and are in the record still; the others are gone.
        """
        wanted = list(names)
        there = [name for name, state in self.states().items() if state != NOT_CREATED]
        one_by_one(lambda name: self._remove(name, made=name in there), wanted)
        return [name for name in wanted if name in there]

    def _remove(self, name: str, *, made: bool) -> None:
        if made:
            self.report(f"{name}: vagrant destroy")
            self.client.destroy(name)
        del self.record.members[name]
        self.record.save()

    def settle(self, wanted: Mapping[str, IPv4Address]) -> None:
        """Wait until machines answer and are set up; remembers where each is reached.

        Args:
            wanted: the address in the lab's network of each machine.
        """
        for name, address in wanted.items():
            self._set_up(name)
            where = partial(self._places, name)
            expected = self.expected(name)
            place = ready.settled(expected, self.reach, where, self.report, self.clock)
            card = self._card(name, place, address)
            self.record.reached(name, address, host=place.address, port=place.port, card=card)
        self.record.save()

    def _places(self, name: str) -> list[Place]:
        """Where a running machine is: its forwarded port may be another one after each start."""
        return [self.client.place(name)]

    def _set_up(self, name: str) -> None:
        """Bring a machine its files again, if its first start was cut short before."""
        found = ready.seen(self.expected(name), [self.client.place(name)], self.reach)
        if found.told is None and not self._was_ready(name):
            self.report(f"{name}: vagrant provision")
            self.client.provision(name)

    def _card(self, name: str, place: Place, address: IPv4Address) -> str:
        """Return the network card that has an address; they have another name in each box."""
        try:
            text = self.reach.ask(place, self.expected(name).login, _CARDS)
        except NotYet as error:
            raise Failed(f"{name}: {place}: {error}") from None
        cards = dict(card_of(line) for line in text.splitlines() if line.strip())
        for card, addresses in cards.items():
            if str(address) in addresses:
                return card
        raise BadInput(
            f"{name}: none of its network cards has {address}: the private network of "
            f"{self.record.lab} was not made; it has {', '.join(sorted(cards))}"
        )

    # What snapshots need: see `whisklab.lab.common.guest.fleet.Shelf`.

    def refuse_states(self) -> None:
        """Nothing: Vagrant halts a machine in whatever state."""

    def there(self) -> list[str]:
        """The machines that there are."""
        return [name for name, state in self.states().items() if state != NOT_CREATED]

    def kept(self) -> dict[str, frozenset[str]]:
        """The names of the snapshots of each machine."""
        return {name: self.client.snapshots(name) for name in self.there()}

    def keep(self, machine: str, own: str, comment: str) -> None:  # noqa: ARG002  Vagrant has none
        """Take a snapshot."""
        self.client.snapshot(machine, own)

    def put_back(self, machine: str, own: str) -> None:
        """Restore a snapshot."""
        self.client.restore(machine, own)

    def drop(self, machine: str, own: str) -> None:
        """Remove a snapshot; nothing when there is none."""
        self.client.delete_snapshot(machine, own)

    def size(self) -> int:
        """Vagrant tells no sizes."""
        return 0


def card_of(line: str) -> tuple[str, list[str]]:
    """Return a network card and its addresses, of a line of `ip -brief address`. Pure."""
    name, _, *addresses = line.split()
    found = [each.partition("/")[0] for each in addresses if "/" in each]
    return name.partition("@")[0], found
