"""The containers of an invoker: warm ones, prewarmed ones, and room for more."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from openwhisk_standin.invoker.containers import Container, Containers, NoContainer
from openwhisk_standin.invoker.running import Runner
from openwhisk_standin.life import in_background, rest, say
from openwhisk_standin.manifest import Runtime


@dataclass(frozen=True)
class Wanted:
    """A container that an activation needs; one that fits ``key`` has the function already."""

    key: str
    title: str
    image: str
    memory: int


@dataclass
class Member:
    """A container of the pool."""

    container: Container
    runner: Runner
    image: str
    memory: int
    key: str = ""  # whose function it has; none yet in a prewarmed one
    idle_since: float = 0.0


class Pool:
    """Keeps within ``room`` MB; safe to share between threads."""

    def __init__(
        self, containers: Containers, room: int, env: Mapping[str, str], idle: float
    ) -> None:
        """Take where containers come from, and for how many seconds idle ones are kept."""
        self._containers = containers
        self._room = room
        self._env = env
        self._idle_for = idle
        self._changed = threading.Condition()
        self._idle: list[Member] = []
        self._used = 0

    def begin(self) -> None:
        """Remove containers that were idle for long, in the background."""
        in_background(self._expire, "idle containers")

    def prewarm(self, runtimes: list[Runtime], registry: str = "") -> None:
        """Start the containers that the manifest wants before anyone asks, in the background."""
        for runtime in runtimes:
            for cell in runtime.prewarmed:
                image = f"{registry}{runtime.image}"
                wanted = Wanted("", f"prewarm-{runtime.kind}", image, cell.memory)
                for _ in range(cell.count):
                    in_background(lambda wanted=wanted: self._prewarm(wanted), "prewarm")  # type: ignore[misc]

    def _prewarm(self, wanted: Wanted) -> None:
        with self._changed:
            if self._used + wanted.memory > self._room:
                return
            self._used += wanted.memory
        try:
            member = self._create(wanted)
        except NoContainer as error:
            say(f"a container of {wanted.image} could not be prewarmed: {error}")
            return
        self.give_back(member)

    def take(self, wanted: Wanted) -> Member:
        """Return a container that is free: a warm one, a prewarmed one, or a new one.

        Waits until there is room.

        Raises:
            NoContainer: a new one could not be had.
        """
        with self._changed:
            while True:
                found = self._fitting(wanted)
                if found is not None:
                    self._idle.remove(found)
                    return found
                if self._used + wanted.memory <= self._room:
                    break
                if not self._evict():
                    self._changed.wait()
            self._used += wanted.memory
        return self._create(wanted)

    def _fitting(self, wanted: Wanted) -> Member | None:
        fits = ("", wanted.image, wanted.memory)
        warm = [each for each in self._idle if each.key == wanted.key]
        fresh = [each for each in self._idle if (each.key, each.image, each.memory) == fits]
        return next(iter([*warm, *fresh]), None)

    def _evict(self) -> bool:
        """Remove the container that was idle longest, within the lock; False when none is."""
        if not self._idle:
            return False
        oldest = min(self._idle, key=lambda each: each.idle_since)
        self._idle.remove(oldest)
        self._forget(oldest)
        return True

    def _forget(self, member: Member) -> None:
        with self._changed:
            self._used -= member.memory
            self._changed.notify_all()
        in_background(member.container.remove, f"removal of {member.container.name}")

    def _create(self, wanted: Wanted) -> Member:
        """Start a container for which room is kept already."""
        began = time.monotonic()
        try:
            container = self._containers.create(
                wanted.title, wanted.image, wanted.memory, self._env
            )
        except NoContainer:
            with self._changed:
                self._used -= wanted.memory
                self._changed.notify_all()
            raise
        say(f"container {container.name} runs after {time.monotonic() - began:.2f} s")
        return Member(container, Runner(container), wanted.image, wanted.memory)

    def give_back(self, member: Member) -> None:
        """Keep a container for the next activation of its function."""
        with self._changed:
            member.idle_since = time.monotonic()
            self._idle.append(member)
            self._changed.notify_all()

    def remove(self, member: Member) -> None:
        """Remove a container that a failure left in an unknown state, or that served its turn."""
        self._forget(member)

    def _expire(self) -> None:
        while not rest(min(self._idle_for / 4, 5.0)):
            with self._changed:
                oldest = time.monotonic() - self._idle_for
                old = [each for each in self._idle if each.key and each.idle_since < oldest]
                self._idle = [each for each in self._idle if each not in old]
            for each in old:
                say(f"container {each.container.name} was idle for {self._idle_for:g} s")
                self._forget(each)
