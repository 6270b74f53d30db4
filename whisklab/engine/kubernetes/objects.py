"""Objects of Kubernetes, read from YAML as Kubernetes and Helm read it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import yaml

CLAIM, JOB, POD = "PersistentVolumeClaim", "Job", "Pod"
NAMESPACE, SECRET, STORAGE_CLASS = "Namespace", "Secret", "StorageClass"
# Helm's own records are large, and none of the objects of a release.
NO_RECORDS = "?fieldSelector=type%21%3Dhelm.sh%2Frelease.v1"
# What a key is called whose value must not be shown.
SOUNDS_SECRET = re.compile(
    r"pass|secret|token|credential|auth|private|(^|[a-z_.-])key$", re.IGNORECASE
)
HIDDEN = "***"  # in its place
# What scripts that trace themselves (`set -x`) say: a key of OpenWhisk, credentials in a URL.
# Rather too much is taken than the end of a password left.
SPOKEN = re.compile(r"[0-9a-f-]{36}:\w{64}|(?<=://)(?:[^\s:/@]*:\S*|[^\s/@]+)(?=@)", re.IGNORECASE)

Object = dict[str, Any]
_NOT_HELMS = {f"tag:yaml.org,2002:{each}" for each in ("timestamp", "value", "int", "float")}


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as Helm and Kubernetes read it: no dates, 22:30 and = are text, 1e3 is a number."""

    yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in found if tag not in _NOT_HELMS]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^[-+]?(?:0b[01_]+|0o?[0-7_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
               r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"),
    list("-+0123456789."),
)  # fmt: skip


class Id(NamedTuple):
    """What names an object in a cluster; the namespace is empty when the manifest has none."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Name it as kubectl does."""
        return f"{self.kind}/{self.name}"


def objects(manifest: str) -> dict[Id, Object]:
    """Return the objects of a manifest by what names them. Pure.

    Raises:
        yaml.YAMLError: it is no YAML, or what is in it cannot be an object.
    """
    found: dict[Id, Object] = {}
    for each in yaml.load_all(manifest, Loader=Loader):
        for item in _items(each):
            metadata = item.get("metadata") or {}
            name = Id(item.get("kind", ""), metadata.get("namespace", ""), metadata.get("name", ""))
            found[name] = item
    return found


def _items(document: Any) -> Iterable[Object]:  # noqa: ANN401
    if not isinstance(document, dict):
        return []
    items = (document.get("items") or []) if document.get("kind") == "List" else [document]
    if not isinstance(items, list) or not all(map(_is_object, items)):
        raise yaml.YAMLError("an object is of another form than Kubernetes' own")
    return items


def _is_object(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("metadata") or {}, dict)


def unspoken(line: str) -> str:
    """Return what a program said without OpenWhisk's keys and credentials in URLs. Pure."""
    return SPOKEN.sub(HIDDEN, line)
