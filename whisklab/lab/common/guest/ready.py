"""Waiting until an instance is the machine that was wished: ours, reached, and set up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from whisklab.errors import WhisklabError
from whisklab.lab.common.guest.clock import Clock
from whisklab.lab.common.guest.reach import Login, NotYet, Place, Reach, Stranger
from whisklab.lab.common.guest.told import LOOK, Told, told
from whisklab.lab.common.run import Report

WITHIN = 900.0  # seconds for a first boot with a slow network: cloud-init and its packages
_POLL, _SAID_EVERY, _LOOKS = 2.0, 15.0, 3
_STRANGE_FOR = 60.0  # seconds that a key is another one, until it is taken for another machine's


@dataclass(frozen=True)
class Expected:
    """Which machine is to be found.

    Attributes:
        machine: its name in the lab.
        instance: its name on this computer.
        token: of the lab.
        login: how it lets us in.
        remedy: what to do where somebody else answers in its place.
    """

    machine: str
    instance: str
    token: str = field(repr=False)
    login: Login = field(repr=False)
    remedy: str


@dataclass(frozen=True)
class Seen:
    """What was found where an instance may be.

    Attributes:
        place: where it answers, None for nowhere.
        told: what it tells there.
        why: what was in the way elsewhere.
        strange: whether somebody answers who has another host key.
    """

    place: Place | None = None
    told: Told | None = None
    why: str = "it has no address yet"
    strange: bool = False


def seen(expected: Expected, places: Iterable[Place], reach: Reach) -> Seen:
    """Look for a machine where its instance may be, the best place first.

    A stranger counts only where nobody is silent: of several addresses one may be somebody else's.
    """
    silent = strange = ""
    for place in places:
        try:
            answer = told(reach.ask(place, expected.login, LOOK))
        except Stranger as error:
            strange = strange or f"{place}: {error}"
        except NotYet as error:
            silent = silent or f"{place}: {error}"
        else:
            return Seen(place, answer)
    if strange and not silent:
        return Seen(why=strange, strange=True)
    return Seen(why=silent) if silent else Seen()


def refuse_others(expected: Expected, found: Seen) -> None:
    """Refuse what turns out to be another's. One that does not answer is ours by the record.

    Raises:
        WhisklabError: it has the name of ours, and is not what we have made.
    """
    if found.told and (found.told.token, found.told.machine) != (expected.token, expected.machine):
        if found.told.token:
            raise WhisklabError(
                f"{expected.instance}: it is not the machine {expected.machine} of this lab, but "
                f"{found.told.machine} of another one: nothing is changed there"
            )
    elif found.told is None and found.strange:
        raise WhisklabError(
            f"{expected.instance}: {found.why}: nothing is changed there: {expected.remedy}"
        )


def refuse_now(
    expected: Expected, reach: Reach, places: Callable[[], Iterable[Place]], clock: Clock
) -> None:
    """Look who answers in the place of a machine, more than once, and refuse another's.

    Raises:
        WhisklabError: it is another one.
    """
    for _ in range(_LOOKS - 1):
        found = seen(expected, places(), reach)
        if not found.strange:
            break
        clock.sleep(_POLL)  # an address may just have gone from one to another
    else:
        found = seen(expected, places(), reach)
    refuse_others(expected, found)


def settled(
    expected: Expected,
    reach: Reach,
    places: Callable[[], Iterable[Place]],
    report: Report,
    clock: Clock,
) -> Place:
    """Return where a machine answers, when it is set up.

    Args:
        expected: which one.
        reach: asks it.
        places: returns where its instance may be, as it is now, the best first.
        report: hears what is waited for.
        clock: by which it is waited.

    Raises:
        WhisklabError: it is another machine, was not set up by our data, or is not there in time.
    """
    began = said = strange = clock.now()
    while True:
        found = seen(expected, places(), reach)
        now = clock.now()
        strange = strange if found.strange else now
        if not found.strange or now - strange > _STRANGE_FOR:
            refuse_others(expected, found)
        why = found.why
        if found.place and found.told:
            if is_set_up(expected, found.told, report):
                return found.place
            why = f"cloud-init is at work ({found.told.stage or 'it begins'})"
        if now - began > WITHIN:
            raise WhisklabError(
                f"{expected.instance}: not ready after {WITHIN:.0f} s: {why}; it is left as it is, "
                "and the next `whisklab up` goes on waiting"
            )
        if now - said > _SAID_EVERY:
            said = now
            report(f"{expected.machine}: {now - began:.0f} s: {why}")
        clock.sleep(_POLL)


def is_set_up(expected: Expected, answer: Told, report: Report) -> bool:
    """Tell whether cloud-init has done what we gave it; False while it is at work.

    Raises:
        WhisklabError: it has failed, or done nothing.
    """
    if not answer.finished:
        return False
    if not answer.token:
        words = "; ".join((*answer.errors, *answer.warnings)) or "it says nothing"
        raise WhisklabError(
            f"{expected.instance}: cloud-init has ended and applied none of our data: {words}; see "
            "`cloud-init status --long` there, then `whisklab rebuild` it"
        )
    if answer.errors:
        raise WhisklabError(
            f"{expected.instance}: cloud-init has failed: {'; '.join(answer.errors)}; see "
            "/var/log/cloud-init-output.log there, then `whisklab rebuild` it"
        )
    if answer.warnings:
        report(f"{expected.machine}: cloud-init warns: {'; '.join(answer.warnings)}")
    return True
