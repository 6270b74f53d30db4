"""What kubeconfigs say: ours by its name, merged into the user's, and taken out again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from whisklab.engine import documents
from whisklab.errors import WhisklabError

PARTS = {"clusters": "cluster", "users": "user", "contexts": "context"}
KEYS = tuple(PARTS)
# By this extension of a context (kubeconfig(v1) has a place for them) we know what we have merged,
# and by the file's own that we have made it.
MARKED = "whisklab.dev"
MARK = {"name": MARKED, "extension": {"merged": True}}
MADE = {"name": MARKED, "extension": {"created": True}}


class Odd(WhisklabError):
    """A text that is no kubeconfig, with half a sentence on it; what stands there may be secret."""


def _read(text: str) -> dict[str, Any]:
    """Return what a kubeconfig says, nothing for an empty one. Pure.

    Raises:
        Odd: it is of another form.
    """
    try:
        found = documents.read(text)
    except yaml.YAMLError:
        raise Odd("it is no YAML") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Odd("it is no kubeconfig")
    for key, part in PARTS.items():
        entries = found.get(key) or []
        if not isinstance(entries, list) or not all(_is_entry(each, part) for each in entries):
            raise Odd(f"its {key} are of another form than a kubeconfig's")
    return found


def _is_entry(each: object, part: str) -> bool:
    return isinstance(each, dict) and "name" in each and isinstance(each.get(part) or {}, dict)


def _first(found: Mapping[str, Any], key: str) -> dict[str, Any]:
    entries = found.get(key) or [{}]
    return entries[0].get(PARTS[key]) or {}


def named(text: str, server: str, name: str) -> str:
    """Return a kubeconfig for the laptop.

    Args:
        text: k3s's own, with one cluster and one user.
        server: `host:port` of the API as the laptop reaches it.
        name: what cluster, user and context are called.

    Raises:
        Odd: it has none, or is no kubeconfig.
    """
    ours = _read(text)
    cluster, user = (_first(ours, key) for key in ("clusters", "users"))
    if not (cluster and user):
        raise Odd("it has no cluster, or no user")
    cluster = {**cluster, "server": f"https://{server}"}
    context = {"cluster": name, "user": name}
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": context}],
            "current-context": name,
        },
        sort_keys=True,
    )


def merged(theirs: str | None, ours: str) -> str:
    """Return the user's kubeconfig with our cluster, user and context in it. Pure.

    Entries of our names are replaced where they stand, all others stay; so does their current
    context. A file that was none (None) says that it is ours.

    Raises:
        Odd: the user's is no kubeconfig.
    """
    fresh = {} if theirs is not None else {"extensions": [MADE]}
    base: dict[str, Any] = _read(theirs or "") or {
        "apiVersion": "v1",
        "kind": "Config",
        **fresh,
    }
    added: Mapping[str, Any] = documents.read(ours)
    for each in added["contexts"]:
        each["context"]["extensions"] = [MARK]
    for key in KEYS:
        ours_of = {entry["name"]: entry for entry in added[key]}
        kept = [ours_of.pop(entry["name"], entry) for entry in base.get(key) or []]
        base[key] = [*kept, *ours_of.values()]
    base.setdefault("current-context", added["current-context"])
    return yaml.safe_dump(base, sort_keys=False)


def unmerged(theirs: str | None, name: str) -> str | None:
    """Return the user's kubeconfig without what `merged` put there under `name`. Pure.

    As it is, when the context of that name is not ours; a cluster or user that another context
    names stays. None: there is to be no file, as we made it and nothing is left in it.

    Raises:
        Odd: it is no kubeconfig.
    """
    if theirs is None or MARKED not in theirs:  # which may be no YAML at all
        return theirs
    base = _read(theirs)
    contexts = {each["name"]: each.get("context") or {} for each in base.get("contexts") or []}
    if MARK not in (contexts.pop(name, {}).get("extensions") or []):
        return theirs
    for key, part in zip(KEYS, ("cluster", "user"), strict=False):
        if name not in {each.get(part) for each in contexts.values()}:
            base[key] = _without(base, key, name)
    base["contexts"] = _without(base, "contexts", name)
    if base.get("current-context") == name:
        del base["current-context"]
    said = {key for key, value in base.items() if value} - {"apiVersion", "kind"}
    if said == {"extensions"} and base["extensions"] == [MADE]:
        return None
    return yaml.safe_dump(base, sort_keys=False)


def _without(base: Mapping[str, Any], key: str, name: str) -> list[Any]:
    return [entry for entry in base.get(key) or [] if entry["name"] != name]


def same(one: str | None, other: str | None) -> bool:
    """Return if two kubeconfigs say the same; how kubectl has written it does not matter. Pure."""
    if one is None or other is None or one == other:
        return one == other
    return bool(documents.read(one) == documents.read(other))
