"""What is done about an instance in each of Multipass's states. Pure.

Upstream: docs/reference/instance-states.md, and what its start and stop refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from whisklab.lab.providers.multipass.instances import State


class Step(Enum):
    """What comes next."""

    NOTHING = auto()
    START = auto()
    STOP = auto()
    WAIT = auto()  # for the state that it is on its way to
    STAY = auto()  # a shutdown that is to come is taken back
    RECOVER = auto()  # where that was asked for
    LOOK = auto()  # whether it answers: then nothing, else it is stopped and started
    REFUSE = auto()  # somebody has switched its zone off


UP: Mapping[State, Step] = {
    State.RUNNING: Step.NOTHING,
    State.STOPPED: Step.START,
    State.SUSPENDED: Step.START,
    State.DELETED: Step.RECOVER,
    State.STARTING: Step.WAIT,
    State.RESTARTING: Step.WAIT,
    State.SUSPENDING: Step.WAIT,
    State.DELAYED: Step.STAY,
    State.UNKNOWN: Step.LOOK,
    State.UNAVAILABLE: Step.REFUSE,
}
# A suspended one does not run; stopping it by force would lose its memory.
STOP: Mapping[State, Step] = {
    State.RUNNING: Step.STOP,
    State.DELAYED: Step.STOP,
    State.UNKNOWN: Step.STOP,
    State.STARTING: Step.WAIT,
    State.RESTARTING: Step.WAIT,
    State.SUSPENDING: Step.WAIT,
    State.STOPPED: Step.NOTHING,
    State.SUSPENDED: Step.NOTHING,
    State.DELETED: Step.NOTHING,
    State.UNAVAILABLE: Step.NOTHING,
}
