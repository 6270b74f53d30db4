"""Triggers and the rules that tie actions to them."""

from __future__ import annotations

from openwhisk_standin.controller import actions, entities
from openwhisk_standin.controller.entities import Entities, shown
from openwhisk_standin.controller.execs import full_name
from openwhisk_standin.controller.refusals import Refusal, bad, malformed
from openwhisk_standin.values import Doc, Value

TRIGGER = "trigger"
RULE = "rule"
ACTIVE, INACTIVE = "active", "inactive"


def save(store: Entities, namespace: str, name: str, request: Doc, *, overwrite: bool) -> Doc:
    """Create or change a trigger.

    Raises:
        Refusal: the request is no good, or the trigger is there.
    """
    entities.checked_name(name)

    def make(old: Doc | None) -> Doc:
        doc = entities.common(namespace, name, request, old)
        return {**doc, "limits": {}, "rules": (old or {}).get("rules", {})}

    return shown(store.save(TRIGGER, f"{namespace}/{name}", make, overwrite=overwrite))


def save_rule(
    store: Entities,
    every: actions.Actions,
    namespace: str,
    name: str,
    request: Doc,
    *,
    overwrite: bool,
) -> Doc:
    """Create or change a rule; a new one is active.

    Raises:
        Refusal: the request is no good, its trigger or action is not there, or the rule is.
    """
    entities.checked_name(name)
    full = f"{namespace}/{name}"
    status = ACTIVE

    def make(old: Doc | None) -> Doc:
        nonlocal status
        status = _status(store, old, full) if old else ACTIVE
        trigger = _named(request.get("trigger"), old, "trigger", namespace)
        action = _named(request.get("action"), old, "action", namespace)
        _tie(store, every, full, trigger, action, status)
        if old and (before := _path(old["trigger"])) != trigger:
            _untie(store, full, before)
        doc = entities.common(namespace, name, request, old)
        del doc["parameters"]
        return {**doc, "trigger": _reference(trigger), "action": _reference(action)}

    found = store.save(RULE, full, make, overwrite=overwrite)
    return {**shown(found), "status": status}


def rule(store: Entities, full: str) -> Doc:
    """Return a rule with its status.

    Raises:
        Refusal: it is not there.
    """
    found = store.get(RULE, full)
    return {**shown(found), "status": _status(store, found, full)}


def switch(store: Entities, full: str, wanted: Value) -> None:
    """Make a rule active or inactive.

    Raises:
        Refusal: the status is neither, or the rule or its trigger is not there.
    """
    if wanted not in (ACTIVE, INACTIVE):
        raise malformed(f"'{wanted}' is not a recognized rule state")
    found = store.get(RULE, full)
    trigger = store.get(TRIGGER, _path(found["trigger"]))
    _link(store, trigger, full, {"action": found["action"], "status": wanted})


def delete_rule(store: Entities, full: str) -> Doc:
    """Delete a rule and return it.

    Raises:
        Refusal: it is not there.
    """
    found = store.get(RULE, full)
    _untie(store, full, _path(found["trigger"]))
    store.delete(found)
    return {**shown(found), "status": INACTIVE}


def listed(store: Entities, kind: str, namespace: str, *, limit: int, skip: int) -> list[Doc]:
    """Return triggers or rules of a namespace."""
    found = store.listed(kind, {"namespace": namespace}, limit=limit, skip=skip)
    if kind == RULE:
        return [{**shown(doc), "status": _status(store, doc, doc["_id"])} for doc in found]
    fields = ("namespace", "name", "version", "publish", "annotations", "updated")
    return [{key: doc[key] for key in fields} for doc in found]


def _named(given: Value, old: Doc | None, what: str, namespace: str) -> str:
    if isinstance(given, dict):
        return _path(given)
    if isinstance(given, str):
        return full_name(given, namespace)
    if old is None:
        raise bad("rule requires a valid trigger and a valid action")
    return _path(old[what])


def _tie(
    store: Entities, every: actions.Actions, full: str, trigger: str, action: str, status: str
) -> None:
    there = store.look(TRIGGER, trigger)
    if there is None:
        raise bad(f"trigger {trigger} does not exist")
    try:
        every.resolved(action)
    except Refusal as error:
        raise bad(f"action {action} does not exist") from error
    _link(store, there, full, {"action": _reference(action), "status": status})


def _untie(store: Entities, full: str, trigger: str) -> None:
    there = store.look(TRIGGER, trigger)
    if there is not None:
        kept = {name: link for name, link in there["rules"].items() if name != full}
        store.put(TRIGGER, trigger, {**there, "rules": kept}, there)


def _link(store: Entities, trigger: Doc, full: str, link: Doc) -> None:
    changed = {**trigger, "rules": {**trigger["rules"], full: link}}
    store.put(TRIGGER, trigger["_id"], changed, trigger)


def _status(store: Entities, found: Doc, full: str) -> str:
    trigger = store.look(TRIGGER, _path(found["trigger"])) or {}
    return str(trigger.get("rules", {}).get(full, {}).get("status", INACTIVE))


def _path(reference: Doc) -> str:
    return f"{reference['path']}/{reference['name']}"


def _reference(full: str) -> Doc:
    path, _, name = full.rpartition("/")
    return {"path": path, "name": name}
