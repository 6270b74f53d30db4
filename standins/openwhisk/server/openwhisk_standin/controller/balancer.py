"""Which invoker runs what: their health, what each one has to do, and the answers."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from openwhisk_standin.calls import Caller
from openwhisk_standin.life import in_background, rest, say
from openwhisk_standin.topics import follow, send
from openwhisk_standin.values import Doc

HEALTHY, UNHEALTHY, DOWN = "up", "unhealthy", "down"
_SILENT = 10.0  # seconds without a ping until an invoker counts as down, as upstream's
_TESTS = 10.0  # seconds between two test actions while an invoker is unhealthy
_GRACE = 60.0  # seconds above twice its time limit until an activation counts as lost


class NoInvoker(Exception):
    """There is no invoker that could run an action."""


@dataclass
class _Invoker:
    memory: int
    seen: float
    status: str = UNHEALTHY
    tested: float = 0.0
    used: int = 0


@dataclass
class Pending:
    """An activation that an invoker has; ``answered`` is set with ``record``."""

    activation: str
    namespace: str
    invoker: int
    memory: int
    until: float
    test: bool = False
    record: Doc | None = None
    answered: threading.Event = field(default_factory=threading.Event)


class Balancer:
    """The invokers, as one controller sees them."""

    def __init__(self, broker: Caller, own: int, test_action: Callable[[], Doc]) -> None:
        """Take the broker, the controller's own number, and what makes a message of a test."""
        self._broker = broker
        self._own = own
        self._test_action = test_action
        self._lock = threading.Lock()
        self._invokers: dict[int, _Invoker] = {}
        self._pending: dict[str, Pending] = {}

    def begin(self) -> None:
        """Follow the topics in the background."""
        completed = f"completed{self._own}"
        in_background(lambda: follow(self._broker, "health", self._ping), "health")
        in_background(lambda: follow(self._broker, completed, self._answer), completed)
        in_background(self._watch, "watch")

    def health(self) -> dict[str, str]:
        """Return the status of each invoker."""
        with self._lock:
            return {f"invoker{number}": each.status for number, each in self._invokers.items()}

    def in_flight(self, namespace: str) -> int:
        """Return how many activations of a namespace run or wait."""
        with self._lock:
            return sum(each.namespace == namespace for each in self._pending.values())

    def submit(self, message: Doc) -> Pending:
        """Give an activation to an invoker.

        Raises:
            NoInvoker: none is healthy.
            Unreachable: the broker does not answer.
        """
        action = message["action"]
        limits = action["limits"]
        name = f"{action['namespace']}/{action['name']}"
        with self._lock:
            chosen = self._choose(zlib.crc32(name.encode()), limits["memory"])
            pending = self._expect(message, chosen, limits)
        return self._send(message, pending)

    def _expect(self, message: Doc, invoker: int, limits: Doc, *, test: bool = False) -> Pending:
        until = time.monotonic() + 2 * limits["timeout"] / 1000 + _GRACE
        activation = message["activationId"]
        pending = Pending(activation, message["namespace"], invoker, limits["memory"], until, test)
        self._pending[activation] = pending
        self._invokers[invoker].used += pending.memory
        return pending

    def _send(self, message: Doc, pending: Pending) -> Pending:
        try:
            send(self._broker, f"invoker{pending.invoker}", {**message, "controller": self._own})
        except BaseException:
            self._done(pending.activation)
            raise
        return pending

    def _choose(self, seed: int, memory: int) -> int:
        healthy = sorted(
            number for number, each in self._invokers.items() if each.status == HEALTHY
        )
        if not healthy:
            raise NoInvoker("no invoker is healthy")
        first = seed % len(healthy)
        order = healthy[first:] + healthy[:first]
        for number in order:
            if self._invokers[number].used + memory <= self._invokers[number].memory:
                return number
        # All are busy: the one with the least to do keeps it until there is room.
        return min(order, key=lambda number: self._invokers[number].used)

    def _ping(self, message: Doc) -> None:
        with self._lock:
            now = time.monotonic()
            known = self._invokers.get(message["invoker"])
            if known is None or message.get("started"):
                used = known.used if known else 0
                self._invokers[message["invoker"]] = _Invoker(message["memory"], now, used=used)
                say(f"invoker{message['invoker']} is there; it is tested")
                return
            known.seen = now
            if known.status == DOWN:
                known.status, known.tested = UNHEALTHY, 0.0

    def _answer(self, message: Doc) -> None:
        pending = self._pending.get(message["activationId"])
        if pending is None:
            return
        if message.get("record"):
            pending.record = message["record"]
            pending.answered.set()
        if message.get("completed"):
            self._done(pending.activation)
            if pending.test:
                self._tested(pending.invoker, failed=bool(message.get("failed")))

    def _done(self, activation: str) -> None:
        with self._lock:
            pending = self._pending.pop(activation, None)
            if pending is not None and pending.invoker in self._invokers:
                self._invokers[pending.invoker].used -= pending.memory

    def _tested(self, number: int, *, failed: bool) -> None:
        invoker = self._invokers[number]
        now = UNHEALTHY if failed else HEALTHY
        if now != invoker.status or failed:
            say(f"invoker{number} is {now}, by its test action")
        invoker.status = now

    def _watch(self) -> None:
        while not rest(0.2):
            now = time.monotonic()
            with self._lock:
                for number, each in self._invokers.items():
                    if each.status != DOWN and now - each.seen > _SILENT:
                        say(f"invoker{number} is down: it has been silent for {_SILENT:g} s")
                        each.status = DOWN
                lost = [each for each in self._pending.values() if now > each.until]
                due = [
                    number
                    for number, each in self._invokers.items()
                    if each.status == UNHEALTHY and now - each.tested > _TESTS
                ]
            for pending in lost:
                say(f"activation {pending.activation} got no answer from its invoker")
                self._done(pending.activation)
            for number in due:
                self._test(number)

    def _test(self, number: int) -> None:
        message = self._test_action()
        with self._lock:  # an earlier one may be lost, with its invoker or the broker
            earlier = [e for e in self._pending.values() if e.test and e.invoker == number]
        for each in earlier:
            self._done(each.activation)
        with self._lock:
            self._invokers[number].tested = time.monotonic()
            pending = self._expect(message, number, message["action"]["limits"], test=True)
        try:
            self._send(message, pending)
        except Exception as error:  # noqa: BLE001 - it is tried again; the watch must go on
            say(f"the test of invoker{number} could not be sent: {error}")
