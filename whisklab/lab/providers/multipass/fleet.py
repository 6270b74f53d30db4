"""The instances of a lab: made, started, stopped, removed. Each step may be done again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import TypeVar

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.ended import Late
from whisklab.lab.common.guest import ready
from whisklab.lab.common.guest.beside import each, one_by_one
from whisklab.lab.common.guest.clock import Clock
from whisklab.lab.common.guest.firewall import hint
from whisklab.lab.common.guest.reach import Login, Place, Reach
from whisklab.lab.common.guest.record import Record
from whisklab.lab.common.run import Report
from whisklab.lab.providers.multipass.addresses import candidates
from whisklab.lab.providers.multipass.client import Client, Launch
from whisklab.lab.providers.multipass.failures import Failed, SlowStart, Taken
from whisklab.lab.providers.multipass.instances import Instance, State
from whisklab.lab.providers.multipass.rules import STOP, UP, Step

AT_ONCE = 2  # more launches, or a start beside a stop, have made the daemon hang
_ON_ITS_WAY, _FIRST_BOOT, _POLL = 300.0, 600.0, 2.0  # seconds
_STOPS_WITHIN, _STARTS_WITHIN = 180.0, 300
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass
class Fleet:
    """The instances of one lab, and what they are handled with.

    `grown` are the machines whose disks have become bigger in this run.
    """

    client: Client
    reach: Reach
    clock: Clock
    record: Record
    report: Report
    firewall: Callable[[], str] = hint
    grown: list[str] = field(default_factory=list)

    def listed(self) -> dict[str, Instance]:
        """Return those of the record that there are, by the names of their machines."""
        there = self.client.list()
        names = ((name, self.record.instance(name)) for name in self.record.members)
        return {name: there[instance] for name, instance in names if instance in there}

    def told(self) -> dict[str, str]:
        """Return those that there are, and what Multipass calls the state of each."""
        return {name: each.state.lower() for name, each in self.listed().items()}

    def expected(self, name: str) -> ready.Expected:
        """Return which machine is to be found."""
        member = self.record.members[name]
        login = Login(self.record.user, self.record.key, member.host_key)
        instance = self.record.instance(name)
        remedy = (
            f"somebody made it anew: `multipass delete --purge {instance}` removes it, then "
            "`whisklab up`"
        )
        return ready.Expected(name, instance, self.record.token, login, remedy)

    def refuse_others(self, names: Iterable[str]) -> None:
        """Refuse instances of ours that turn out to be another's, before anything is changed.

        One that was never ready is not asked: in its first boot it may show the image's own key.

        Raises:
            WhisklabError: names one.
        """
        there = self.listed()
        asked = [
            name
            for name in names
            if name in there and there[name].state is State.RUNNING
            and self.record.members[name].address is not None
        ]  # fmt: skip

        def look(name: str) -> None:
            ready.refuse_now(
                self.expected(name), self.reach, lambda: self._places(name), self.clock
            )

        self.each(look, asked)

    def refuse_taken(self, names: Iterable[str]) -> None:
        """Refuse instances that have our names and were not begun by us.

        Raises:
            BadInput: names one.
        """
        there = self.client.list()
        for name in names:
            instance = self.record.instance(name)
            if instance in there and name not in self.record.members:
                raise BadInput(
                    f"{instance}: there is an instance of this name, and this lab did not make it: "
                    "take another name for the lab, or remove it "
                    f"(`multipass delete --purge {instance}`)"
                )

    def refuse_deleted(self, but: Iterable[str] = ()) -> None:
        """Refuse what is deleted and not purged: nobody has said what is to become of it.

        (But of some, which are about to be made anew.)

        Raises:
            BadInput: names one.
        """
        lab = self.record.lab
        for name, instance in self.listed().items():
            if instance.state is State.DELETED and name not in but:
                raise BadInput(
                    f"{instance.name} is deleted, and not purged: `whisklab up {lab} --recover` "
                    f"brings it back, `whisklab rebuild {lab} {name}` makes it anew"
                )

    def launch(self, wishes: Sequence[Launch]) -> None:
        """Make instances: the first alone, as it has the image fetched, the others two at once."""
        for some in (wishes[:1], wishes[1:]):
            self.each(self._launch, some)

    def _launch(self, wish: Launch) -> None:
        self.report(f"launching the instance {wish.name}")
        try:
            self.client.launch(wish)
        except SlowStart as error:
            said = f"{error}; it is waited for here"
            self.report(f"{said}; {found}" if (found := self.firewall()) else said)
        except Taken as error:  # by an earlier run of ours: others were refused before
            self.report(f"{error}; it is waited for here")
        over = self.clock.now() + wish.within
        while wish.name not in self.client.list() and self.clock.now() < over:
            self.clock.sleep(_POLL)  # its image is being prepared

    def start(self, names: Iterable[str]) -> list[str]:
        """Have instances running, those of the group storage first; returns who was not."""
        return self._in_order(self._started, self.record.parts(), names)

    def _started(self, name: str) -> bool:
        instance, began, since = self.record.instance(name), False, self.clock.now()
        over = since + _ON_ITS_WAY
        while (there := self.listed().get(name)) is not None:
            step = UP[there.state]
            if step is Step.LOOK and self._is_well(name, there):
                return began
            if step is Step.LOOK and self._boots(name, since):
                over = self.clock.now() + _ON_ITS_WAY
                continue
            if step is Step.NOTHING:
                return began
            if self.clock.now() > over:
                raise WhisklabError(
                    f"{instance}: Multipass calls it {there.state} for {_ON_ITS_WAY:.0f} s: wait, "
                    f"or `multipass stop --force {instance}`, and run this again"
                )
            if there.state is State.SUSPENDED:
                self.report(
                    f"{name}: is suspended, as a refresh of Multipass's snap leaves instances: "
                    "`snap refresh --hold multipass` holds these off"
                )
            self._step(name, step)
            began = True
        return began

    def _boots(self, name: str, since: float) -> bool:
        """Whether an instance may be in its first boot, which Multipass has given up waiting for.

        It knows no state of it then, and no address; to stop it would cut cloud-init short.
        """
        if self.record.members[name].address or self.clock.now() - since > _FIRST_BOOT:
            return False
        self.clock.sleep(_POLL)
        return True

    def _step(self, name: str, step: Step) -> None:
        """Do one step towards a running instance."""
        instance = self.record.instance(name)
        match step:
            case Step.START:
                self._start(name)
            case Step.STAY:
                self.client.stay(instance)
            case Step.RECOVER:
                self.report(f"{name}: recovering the instance {instance}")
                self.client.recover(instance)
            case Step.LOOK:
                self.report(f"{name}: Multipass knows no state of {instance}: it is stopped first")
                self._stop(name)
            case Step.REFUSE:
                raise WhisklabError(
                    f"{instance}: its availability zone is switched off: `multipass zones` lists "
                    "them, `multipass enable-zones ZONE` switches one on"
                )
            case _:
                self.clock.sleep(_POLL)

    def _start(self, name: str) -> None:
        self.report(f"{name}: starting")
        try:
            self.client.start(self.record.instance(name), _STARTS_WITHIN)
        except SlowStart as error:
            self.report(f"{error}; it is waited for here")

    def _is_well(self, name: str, there: Instance) -> bool:
        """Whether an instance answers of which Multipass knows no state."""
        expected = self.expected(name)
        found = ready.seen(expected, self._places(name), self.reach)
        ready.refuse_others(expected, found)
        if found.place:
            self.report(f"{name}: Multipass knows no state of {there.name}, but it answers")
        return found.place is not None

    def stop(self) -> list[str]:
        """Power all instances off, those of the group storage last; returns those that ran."""
        return self._in_order(self._stopped, self.record.parts()[::-1], self.record.members)

    def _stopped(self, name: str) -> bool:
        over = self.clock.now() + _ON_ITS_WAY
        while (there := self.listed().get(name)) is not None:
            step = STOP[there.state]
            if step is Step.NOTHING:
                return False
            if step is Step.STOP or self.clock.now() > over:
                self.report(f"{name}: stopping")
                self._stop(name)
                return True
            self.clock.sleep(_POLL)
        return False

    def _stop(self, name: str) -> None:
        instance = self.record.instance(name)
        try:
            self.client.stop(instance, _STOPS_WITHIN)
        except (Failed, Late) as error:
            raise WhisklabError(
                f"{error}: it is not ended by force, as that can damage its disk: "
                f"`multipass stop --force {instance}` does that, then run this again"
            ) from None

    def remove(self, names: Iterable[str]) -> list[str]:
        """Remove instances for good, one after another; returns the machines that there were.

        Raises:
            WhisklabError: some could not be, and are in the record still; the others are gone.
        """
        there, wanted = self.listed(), list(names)
        one_by_one(lambda name: self._remove(name, listed=name in there), wanted)
        return [name for name in wanted if name in there]

    def _remove(self, name: str, *, listed: bool) -> None:
        instance = self.record.instance(name)
        if listed:
            self.report(f"{name}: removing the instance {instance}")
        if listed or self.record.members[name].address is None:
            self.client.delete(instance)  # it may be in the making, and is not listed then
        del self.record.members[name]
        self.record.save()

    def settle(self, names: Sequence[str]) -> None:
        """Wait until machines answer and are set up; remembers where they are."""

        def wait(name: str) -> Place:
            places, expected = lambda: self._places(name), self.expected(name)
            return ready.settled(expected, self.reach, places, self.report, self.clock)

        for name, place in zip(names, self.each(wait, names, len(names)), strict=True):
            self.record.reached(name, IPv4Address(place.address))
        self.record.save()

    def _places(self, name: str) -> list[Place]:
        """Where a machine may be now, the best place first.

        Multipass lists no address of an instance whose state it does not know; that may be where it
        was.
        """
        there, before = self.listed().get(name), self.record.members[name].address
        addresses = (there.addresses if there else ()) or ((before,) if before else ())
        return [Place(str(each)) for each in candidates(addresses, before)]

    def _in_order(
        self, work: Callable[[str], bool], parts: Sequence[Sequence[str]], names: Iterable[str]
    ) -> list[str]:
        """Do something for machines, part by part; returns those for which it was true."""
        wanted, done = set(names), []
        for part in parts:
            some = [name for name in part if name in wanted]
            done += [n for n, did in zip(some, self.each(work, some), strict=True) if did]
        return done

    def each(
        self, work: Callable[[_T], _R], over: Sequence[_T], at_once: int = AT_ONCE
    ) -> list[_R]:
        """Do something for each, two at a time."""
        return each(work, over, at_once, self.clock)
