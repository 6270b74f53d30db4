"""The broker, as the controller and the invokers see it."""

from __future__ import annotations

from collections.abc import Callable

from openwhisk_standin.calls import Caller, Unreachable
from openwhisk_standin.life import ended, rest, say
from openwhisk_standin.values import Value, setting

_WAIT = 20  # seconds of a long poll
_AGAIN = 1.0  # seconds until a broker that was away is asked again


def kafka() -> Caller:
    """Return the broker that the environment names: the first of several.

    Raises:
        BadSetting: it names none.
    """
    return Caller("http://" + setting("KAFKA_HOSTS").split(",")[0].strip())


def send(broker: Caller, topic: str, message: Value) -> None:
    """Add a message to a topic.

    Raises:
        Unreachable: the broker does not answer, or refused.
    """
    answer = broker.call("POST", f"/topics/{topic}", message)
    if not answer.ok:
        raise Unreachable(f"{broker.url} refused a message for {topic}: {answer.status}")


def follow(broker: Caller, topic: str, take: Callable[[Value], None]) -> None:
    """Give each message that comes from now on to ``take``, until the role ends.

    A broker that begins anew is followed from its first message.
    """
    position, away = "wait=0", False
    while not ended():
        try:
            found = broker.call("GET", f"/topics/{topic}?{position}", seconds=_WAIT * 2).json()
        except (Unreachable, ValueError) as error:
            if not away:
                say(f"topic {topic}: {error}; it is asked again until it answers")
            away = True
            rest(_AGAIN)
            continue
        away = False
        position = f"wait={_WAIT}&from={found['next']}&session={found['session']}"
        for message in found["messages"]:
            take(message)
