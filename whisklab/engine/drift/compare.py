"""What differs between an object as wished and as it is. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from whisklab.engine.kubernetes.objects import CLAIM, SECRET, SOUNDS_SECRET, Id, Object

SHOWN = 60  # characters of a value
# Lists of the built-in kinds whose entries are known by a key (their patchMergeKey); others are
# compared as they are, entry by entry.
KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ports": ("containerPort", "port"),
    "secrets": ("name",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
    "webhooks": ("name",),
}
# Lists in which an entry that was given another key cannot stay beside the wished one: it would run
# twice, or have the port that the other one needs.
_ALONE = ("containers", "initContainers", "ports")
WORKLOADS = ("Deployment", "StatefulSet", "ReplicaSet")
# Numbers that the API leaves out where they are 0, and means 0 by that (`int32` with `omitempty` in
# k8s.io/api, core/v1 and apps/v1). Others it keeps, or 0 and nothing are two things (`runAsUser`).
_NO_ZERO = ("initialDelaySeconds", "minReadySeconds")
# Written by controllers into fields that charts leave empty or set to something of no meaning.
_THEIRS = ("caBundle",)
_OUTSIDE = ("apiVersion", "kind", "status")
_QUANTITY = re.compile(r"([+-]?[0-9.]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]+)?")
_SUFFIXES = {
    "m": Decimal("0.001"),
    **{letter: Decimal(1000) ** (i + 1) for i, letter in enumerate("kMGTPE")},
    **{f"{letter}i": Decimal(1024) ** (i + 1) for i, letter in enumerate("KMGTPE")},
}


@dataclass(frozen=True)
class Entry:
    """An entry of a list, known by the value that it has under a key."""

    key: str
    value: Any

    def __str__(self) -> str:
        """Write it for people."""
        return f"[{self.value}]"


Path = tuple[str | Entry, ...]


@dataclass(frozen=True)
class Field:
    """One field that is not as wished; `is_` None where it is missing.

    `wanted` None: an entry of a list in the place of a wished one, which it is but for its key.
    """

    path: Path
    is_: Any
    wanted: Any = field(repr=False)

    @property
    def name(self) -> str:
        """The path for people."""
        return ".".join(map(str, self.path)).replace(".[", "[")

    def told(self, *, secret: bool) -> str:
        """Return half a sentence; `secret` fields are only named."""
        name = self.name
        if secret or SOUNDS_SECRET.search(name):
            return f"{name} differs"
        if self.wanted is None:
            return f"{name} is in its place"
        was = "unset" if self.is_ is None else _short(self.is_)
        return f"{name} is {was}, not {_short(self.wanted)}"


@dataclass(frozen=True)
class Drift:
    """An object that is not as wished.

    Attributes:
        name: of it; its namespace is where it is, "" for none.
        fields: what differs; none when it is not there.
        wanted: the object as wished.
        void: for a pod to be made anew: the account that is not the one of its token any more.
    """

    name: Id
    fields: tuple[Field, ...]
    wanted: Object = field(repr=False)
    void: str = ""

    @property
    def missing(self) -> bool:
        """Whether it is not there at all."""
        return not self.fields and not self.void

    @property
    def told(self) -> str:
        """Half a sentence for a plan."""
        if self.void:
            return f"{self.name}: its token is of a ServiceAccount {self.void} that is gone"
        if self.missing:
            return f"{self.name} is not there"
        secret = self.name.kind == SECRET
        return f"{self.name}: {', '.join(each.told(secret=secret) for each in self.fields)}"


def differences(wanted: Object, live: Object) -> list[Field]:
    """Return what `wanted` sets and `live` has otherwise."""
    keyed = not custom(wanted)
    found = [
        each
        for key, value in normal(wanted).items()
        if key not in _OUTSIDE
        for each in _differ(value, live.get(key), (key,), keyed=keyed)
    ]
    return found + _stopped(wanted, live)


def ignored(name: Id, found: Sequence[Field], patterns: Sequence[str]) -> list[Field]:
    """Return the fields that no pattern names, nor a part of them where all of one is unset.

    Args:
        name: of the object.
        found: of it.
        patterns: `Kind/name` or `Kind/name field.path`, each with `*`.
    """

    def named(each: Field) -> bool:
        texts = (str(name), f"{name} {each.name}")
        return any(fnmatchcase(text, pattern) for pattern in patterns for text in texts)

    return [part for each in found for part in _left(each, named)]


def _left(each: Field, named: Callable[[Field], bool]) -> list[Field]:
    if named(each):
        return []
    if each.is_ is not None or not isinstance(each.wanted, Mapping) or _is_entry(each):
        return [each]
    parts = [part for key, value in each.wanted.items()
             for part in _differ(value, None, (*each.path, str(key)), keyed=False)]  # fmt: skip
    left = [part for whole in parts for part in _left(whole, named)]
    return [each] if left == parts else left


def _is_entry(each: Field) -> bool:
    """Tell whether a field is an entry of a list, which is put there as a whole."""
    return bool(each.path) and isinstance(each.path[-1], Entry)


def custom(wanted: Object) -> bool:
    """Tell whether an object is of no built-in kind; then no list in it is known by a key."""
    group = str(wanted.get("apiVersion", "")).rpartition("/")[0]
    return "." in group and not (
        group.endswith(".k8s.io") and not group.startswith(("snapshot.", "gateway."))
    )


def normal(wanted: Object) -> Object:
    """Return an object as the API keeps it."""
    metadata = wanted.get("metadata") or {}
    known = {**wanted, "metadata": {
        key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)
    }}  # fmt: skip
    if wanted.get("kind") == SECRET and (texts := known.pop("stringData", None)):
        packed = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}
        known["data"] = {**(known.get("data") or {}), **packed}
    if known.get("aggregationRule"):
        known.pop("rules", None)  # a controller collects them
    return known


def _differ(wanted: Any, live: Any, path: Path, *, keyed: bool) -> Iterator[Field]:  # noqa: ANN401
    if wanted is None or path[-1] in _THEIRS or same(wanted, live, path):
        return
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for key, value in wanted.items():
            yield from _differ(value, live.get(key), (*path, str(key)), keyed=keyed)
    elif isinstance(wanted, list) and isinstance(live, list):
        yield from _differ_in_list(wanted, live, path, keyed=keyed)
    else:
        yield Field(path, live, wanted)


def _differ_in_list(
    wanted: list[Any], live: list[Any], path: Path, *, keyed: bool
) -> Iterator[Field]:
    key = _key_of(path, [*wanted, *live]) if keyed else None
    there = {each[key]: each for each in live} if key else {}
    if key and len(there) == len(live) and len({each[key] for each in wanted}) == len(wanted):
        ours = {each[key] for each in wanted}
        strangers = [each for each in live if each[key] not in ours]
        for each in wanted:
            at = (*path, Entry(key, each[key]))
            if each[key] in there:
                yield from _differ(each, there[each[key]], at, keyed=keyed)
                continue
            yield Field(at, None, each)
            if (renamed := _renamed(each, key, strangers, at)) is not None:
                strangers.remove(renamed)
                yield Field((*path, Entry(key, renamed[key])), renamed, None)
    elif len(wanted) != len(live) or any(
        True
        for ours, theirs in zip(wanted, live, strict=True)
        for _ in _differ(ours, theirs, path, keyed=keyed)
    ):
        yield Field(path, live, wanted)


def _renamed(wanted: Any, key: str, strangers: list[Any], at: Path) -> Any:  # noqa: ANN401
    """Return the entry that is the wished one but for its key; None in lists where it may stay."""
    bare = {name: value for name, value in wanted.items() if name != key}
    if not bare or at[-2] not in _ALONE:
        return None
    alike = (each for each in strangers if not any(_differ(bare, each, at, keyed=True)))
    return next(alike, None)


def _key_of(path: Path, entries: list[Any]) -> str | None:
    """Return the key that each entry has, if entries at this place are known by one."""
    if {"ingress", "egress"}.intersection(map(str, path)):  # of a NetworkPolicy
        return None
    names = KEYS.get(str(path[-1]), ())
    return next((n for n in names if all(isinstance(x, Mapping) and n in x for x in entries)), None)


def same(wanted: Any, live: Any, path: Path = ()) -> bool:  # noqa: ANN401
    """Tell whether the API means the same by two values."""
    if wanted == live and isinstance(wanted, bool) == isinstance(live, bool):
        return True
    if live is None:
        dropped = bool(path) and path[-1] in _NO_ZERO
        return not wanted and (dropped or not isinstance(wanted, bool | int | float))
    if isinstance(wanted, Mapping | list | bool) or isinstance(live, Mapping | list | bool):
        return False
    amounts = {"requests", "limits", "sizeLimit", "divisor", "hard", "capacity"}
    if amounts.intersection(map(str, path)):
        first, second = quantity(wanted), quantity(live)
        return first is not None and first == second
    return False


def quantity(value: object) -> Decimal | None:
    """Return the number that a Kubernetes quantity is, None for what is none."""
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    number, suffix = found[1], found[2] or ""
    if suffix in _SUFFIXES:
        return Decimal(number) * _SUFFIXES[suffix]
    return Decimal(number + suffix)


def enlarged(wanted: Object, each: Field) -> bool:
    """Tell whether a field is the size of a claim that somebody has enlarged, for good."""
    if wanted.get("kind") == CLAIM and each.path[-2:] == ("requests", "storage"):
        now, then = quantity(each.is_), quantity(each.wanted)
        return now is not None and then is not None and now > then
    return False


def _stopped(wanted: Object, live: Object) -> list[Field]:
    """Return that a workload is scaled to nothing, where the wish leaves the number to others."""
    if wanted.get("kind") not in WORKLOADS or "replicas" in (wanted.get("spec") or {}):
        return []
    return [Field(("spec", "replicas"), 0, 1)] if live["spec"].get("replicas") == 0 else []


def _short(value: object) -> str:
    shown = json.dumps(value, sort_keys=True, default=str)
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "..."
