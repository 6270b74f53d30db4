"""The objects of a release: compared, and shown without secrets."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

import yaml

from whisklab.engine.helm.values import masked
from whisklab.engine.kubernetes.objects import (
    CLAIM,
    HIDDEN,
    NAMESPACE,
    POD,
    SECRET,
    STORAGE_CLASS,
    Id,
    Object,
    objects,
)

KEPT = (CLAIM, NAMESPACE)  # a namespace takes its claims with it


@dataclass(frozen=True)
class Comparison:
    """What an upgrade does to objects; `kept` are gone from the chart, and stay."""

    new: list[Id]
    changed: list[Id]
    gone: list[Id]
    kept: list[Id]


def compare(
    before: Mapping[Id, Object], after: Mapping[Id, Object], *, keep_claims: bool = True
) -> Comparison:
    """Return how two sets of objects differ; namespaces stay, and claims if they are to. Pure."""
    left = sorted(before.keys() - after.keys())
    stay = KEPT if keep_claims else (NAMESPACE,)
    return Comparison(
        new=sorted(after.keys() - before.keys()),
        changed=sorted(i for i in before.keys() & after.keys() if before[i] != after[i]),
        gone=[i for i in left if i.kind not in stay],
        kept=[i for i in left if i.kind in stay],
    )


def describe(comparison: Comparison, recreated: Collection[Id] = ()) -> list[str]:
    """Return half sentences for a plan. Pure."""
    changed = [each for each in comparison.changed if each not in recreated]
    parts = (
        ("changes", changed),
        ("adds", comparison.new),
        ("removes", comparison.gone),
        ("recreates, because its template cannot be changed,",
         sorted(each for each in recreated if each.kind != POD)),
        ("recreates, because a pod cannot be changed so,",
         sorted(each for each in recreated if each.kind == POD)),
        ("leaves, although the chart has it no more,", comparison.kept),
    )  # fmt: skip
    return [f"{verb} {', '.join(map(str, ids))}" for verb, ids in parts if ids]


def shown(found: Object | None, secrets: Collection[str]) -> str:
    """Return an object as YAML for people, without the data of Secrets, private keys elsewhere, and
    `secrets`.
    """  # noqa: D205
    if found is None:
        return ""
    hidden = {
        part: {
            key: HIDDEN if found.get("kind") == SECRET or _private(key, value) else value
            for key, value in found[part].items()
        }
        for part in ("data", "stringData")
        if isinstance(found.get(part), dict)
    }
    return masked(yaml.safe_dump({**found, **hidden}, sort_keys=True), secrets)


def _private(key: str, value: object) -> bool:
    return str(key).endswith(".key") or "PRIVATE KEY" in str(value)


def without_claims(manifest: str) -> str:
    """Return a manifest without its claims and namespaces; the rest stays as it is. Pure."""
    documents = re.split(r"^---[ \t]*$", manifest, flags=re.MULTILINE)
    kept = [each for each in documents
            if all(name.kind not in KEPT for name in objects(each))]  # fmt: skip
    return "---".join(kept)


def job_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the merge patch (RFC 7386) from one spec to another: all of the new one, and None for
    what only the old one has. Pure.
    """  # noqa: D205
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        below = old.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        patch[key] = job_patch(below, value) if both else value  # type: ignore[arg-type]
    return patch


def fixed_patch(kind: str, old: Object, new: Object) -> Object:
    """Return the patch of what an object of this kind may keep for its life. Pure."""
    if kind == STORAGE_CLASS:
        keys = ("provisioner", "parameters", "reclaimPolicy", "volumeBindingMode")
        return job_patch(*({key: each[key] for key in keys if key in each} for each in (old, new)))
    make = pod_patch if kind == POD else job_patch
    return {"spec": make(old.get("spec") or {}, new.get("spec") or {})}


def pod_patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return the strategic merge patch from one pod's spec to another, with what differs only; the
    entries of a list are known by their names. Pure.
    """  # noqa: D205
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for key, value in new.items():
        below = old.get(key)
        if below == value:
            continue
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            patch[key] = pod_patch(below, value)
        else:
            patch[key] = _entries(below, value) if _named(below) and _named(value) else value
    return patch


def _named(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list) and all(isinstance(x, Mapping) and "name" in x for x in value)


def _entries(old: Iterable[Any], new: Iterable[Any]) -> list[dict[str, Any]]:
    before, after = ({each["name"]: each for each in entries} for entries in (old, new))
    changed = [
        {"name": name, **pod_patch(before.get(name, {}), each)}
        for name, each in after.items()
        if before.get(name) != each
    ]
    gone = [{"name": name, "$patch": "delete"} for name in before if name not in after]
    return [*changed, *gone]
