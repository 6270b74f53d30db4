"""All machines looked at together, for what is decided before any of them is changed.

(pyinfra's own way of asking all hosts blocks for ever when a host calls it.)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar, cast

import gevent
from gevent.lock import BoundedSemaphore, RLock
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import ctx_state

from whisklab.engine import runs
from whisklab.errors import WhisklabError

T = TypeVar("T")


class _Found:
    """What was found out for all in a run, by its topic."""

    def __init__(self) -> None:
        self.turn = BoundedSemaphore()
        self.asking = RLock()  # one may ask another
        self.everywhere: dict[str, tuple[Hashable, Mapping[str, Any]]] = {}
        self.once: dict[str, Any] = {}


def everywhere(
    topic: str, look: Callable[[State, Host], T], *, stage: Hashable = None
) -> Mapping[str, T]:
    """Return what `look(state, host)` says of each machine of the run, by its name.

    The first host that comes asks all at once, the others wait for it and get the same answers.

    Args:
        topic: what is asked; once in a run, or once for each `stage` of it.
        look: must not raise what concerns one machine only.
        stage: for answers that are old by the next stage.

    Raises:
        WhisklabError: the looks of machines did; a line for each of them.
    """
    state = ctx_state.get()
    found = runs.of(state).part(_Found)
    with found.turn:
        known = found.everywhere.get(topic)
        if known is None or known[0] != stage:
            hosts = state.inventory.get_active_hosts()
            jobs = {each.name: gevent.spawn(_caught, look, state, each) for each in hosts}
            answers = {name: job.get() for name, job in jobs.items()}
            failed = [str(each) for each in answers.values() if isinstance(each, WhisklabError)]
            if failed:
                raise WhisklabError("\n".join(dict.fromkeys(failed)))
            known = found.everywhere[topic] = (stage, answers)
    return cast("Mapping[str, T]", known[1])


def once(topic: str, work: Callable[[], T]) -> T:
    """Return what `work()` says, which is asked once in a run.

    Args:
        topic: what is asked.
        work: asks; what it raises is raised to whoever comes, and asked again.
    """
    found = runs.current().part(_Found)
    with found.asking:
        if topic not in found.once:
            found.once[topic] = work()
    return cast("T", found.once[topic])


def _caught(look: Callable[[State, Host], T], state: State, host: Host) -> T | WhisklabError:
    # gevent prints the traceback of what a greenlet raises.
    try:
        return look(state, host)
    except WhisklabError as error:
        return error
