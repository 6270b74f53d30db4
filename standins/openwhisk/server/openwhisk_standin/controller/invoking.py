"""Invoking actions: one container's, and sequences of them."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus

from openwhisk_standin import codes
from openwhisk_standin.calls import Unreachable
from openwhisk_standin.controller import activations
from openwhisk_standin.controller.actions import Actions, invocable
from openwhisk_standin.controller.activations import Activations, new_id
from openwhisk_standin.controller.balancer import Balancer, NoInvoker
from openwhisk_standin.controller.entities import now
from openwhisk_standin.controller.execs import SEQUENCE
from openwhisk_standin.controller.limits import Limits, Throttle, too_many
from openwhisk_standin.controller.refusals import UNAVAILABLE, Refusal
from openwhisk_standin.controller.subjects import User
from openwhisk_standin.life import in_background, say
from openwhisk_standin.values import Doc

LONGEST_WAIT = 60.0  # seconds of a blocking call, as upstream's


@dataclass
class Outcome:
    """An activation, with its record if it ended within the time."""

    activation: str
    record: Doc | None = None


class Invocations:
    """What runs actions."""

    def __init__(
        self, actions: Actions, records: Activations, balancer: Balancer, limits: Limits
    ) -> None:
        """Take what it works with."""
        self._actions = actions
        self._records = records
        self._balancer = balancer
        self._limits = limits
        self._calls = Throttle(limits.per_minute)

    def throttle(self, user: User) -> None:
        """Count a call of a user.

        Raises:
            Refusal: it is one too many, in this minute or at the same time.
        """
        self._calls.check(user.namespace)
        count, allowed = self._balancer.in_flight(user.namespace), self._limits.concurrent
        if count >= allowed:
            raise too_many(
                f"Too many concurrent requests in flight (count: {count}, allowed: {allowed})."
            )

    def invoke(
        self, user: User, action: Doc, arguments: Doc, wait: float, *, cause: str = ""
    ) -> Outcome:
        """Run an action with the arguments it is to get, and wait for its record.

        Raises:
            Refusal: no invoker could take it, or the arguments are too large.
        """
        size = len(json.dumps(arguments))
        if size > self._limits.payload:
            raise Refusal(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"Request larger than allowed: {size} > {self._limits.payload} bytes.",
            )
        if action["exec"]["kind"] == SEQUENCE:
            return self._sequence(user, action, arguments, wait, cause)
        try:
            pending = self._balancer.submit(message(user, action, arguments, cause))
        except (NoInvoker, Unreachable) as error:
            say(f"{action['namespace']}/{action['name']} cannot be invoked: {error}")
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE) from error
        pending.answered.wait(wait)
        return Outcome(pending.activation, pending.record)

    def _sequence(
        self, user: User, action: Doc, arguments: Doc, wait: float, cause: str
    ) -> Outcome:
        outcome = Outcome(new_id())
        done = threading.Event()

        def run() -> None:
            outcome.record = self._components(user, action, arguments, outcome.activation, cause)
            done.set()

        in_background(run, f"sequence {outcome.activation}")
        done.wait(wait)
        return outcome

    def _components(
        self, user: User, action: Doc, arguments: Doc, activation: str, cause: str
    ) -> Doc:
        start, logs, result = now(), [], arguments
        code = codes.SUCCESS
        for name in action["exec"]["components"]:
            try:
                part = self._actions.resolved(name.strip("/"))
                called = invocable(part, result)
                found = self.invoke(
                    user, part, called, part["limits"]["timeout"] / 1000 + 60, cause=activation
                )
            except Refusal as error:
                code, result = codes.WHISK_ERROR, {"error": error.text}
                break
            logs.append(found.activation)
            if found.record is None:
                text = f"Timeout reached when retrieving activation {found.activation}"
                code, result = codes.WHISK_ERROR, {"error": f"{text} for sequence component."}
                break
            code = found.record["response"]["statusCode"]
            result = found.record["response"].get("result") or {}
            if code != codes.SUCCESS:
                break
        record = activations.finished(
            activation,
            action["name"],
            user.namespace,
            user.subject,
            start,
            now(),
            version=action["version"],
            response={"statusCode": code, "result": result},
            logs=logs,
            annotations=[
                {"key": "path", "value": f"{action['namespace']}/{action['name']}"},
                {"key": "kind", "value": "sequence"},
                {"key": "topmost", "value": not cause},
            ],
            cause=cause or None,
        )
        self._records.store(record)
        return record


def message(user: User, action: Doc, arguments: Doc, cause: str = "") -> Doc:
    """Return what an invoker is sent for an activation."""
    return {
        "activationId": new_id(),
        "action": action,
        "arguments": arguments,
        "namespace": user.namespace,
        "subject": user.subject,
        "key": user.authkey,
        "created": int(time.time() * 1000),
        "cause": cause,
    }
