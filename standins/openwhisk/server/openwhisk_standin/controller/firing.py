"""Firing a trigger: its active rules call their actions."""

from __future__ import annotations

import json

from openwhisk_standin import codes
from openwhisk_standin.controller import activations, triggers
from openwhisk_standin.controller.actions import Actions, invocable
from openwhisk_standin.controller.activations import Activations, new_id
from openwhisk_standin.controller.entities import as_object, now
from openwhisk_standin.controller.invoking import Invocations
from openwhisk_standin.controller.limits import Limits, Throttle
from openwhisk_standin.controller.refusals import Refusal
from openwhisk_standin.controller.subjects import User
from openwhisk_standin.life import in_background
from openwhisk_standin.values import Doc, Value


class Firing:
    """What fires triggers."""

    def __init__(
        self, actions: Actions, records: Activations, invocations: Invocations, limits: Limits
    ) -> None:
        """Take what it works with."""
        self._actions = actions
        self._records = records
        self._invocations = invocations
        self._fires = Throttle(limits.fires_per_minute)

    def fire(self, user: User, trigger: Doc, payload: Doc) -> str | None:
        """Fire a trigger; returns its activation, None when no rule of it is active.

        Raises:
            Refusal: it is one too many in this minute.
        """
        self._fires.check(user.namespace)
        rules = trigger["rules"]
        if not any(link["status"] == triggers.ACTIVE for link in rules.values()):
            return None
        activation, start = new_id(), now()
        arguments = {**as_object(trigger["parameters"]), **payload}

        def run() -> None:
            logs = [
                json.dumps(self._rule(user, rule, link, arguments)) for rule, link in rules.items()
            ]
            record = activations.finished(
                activation,
                trigger["name"],
                user.namespace,
                user.subject,
                start,
                0,
                version=trigger["version"],
                response={"statusCode": codes.SUCCESS, "result": payload},
                logs=logs,
            )
            self._records.store(record)

        in_background(run, f"trigger {activation}")
        return activation

    def _rule(self, user: User, rule: str, link: Doc, arguments: Doc) -> Doc:
        action = f"{link['action']['path']}/{link['action']['name']}"
        found: dict[str, Value] = {"rule": rule, "action": action, "success": False}
        if link["status"] != triggers.ACTIVE:
            text = f"Rule '{rule}' is inactive, action '{action}' was not activated."
            return {**found, "statusCode": codes.APPLICATION_ERROR, "error": text}
        try:
            self._invocations.throttle(user)
            target = self._actions.resolved(action)
            outcome = self._invocations.invoke(user, target, invocable(target, arguments), 0)
        except Refusal as error:
            return {**found, "statusCode": codes.APPLICATION_ERROR, "error": error.text}
        done = {"statusCode": codes.SUCCESS, "success": True}
        return {**found, **done, "activationId": outcome.activation}
