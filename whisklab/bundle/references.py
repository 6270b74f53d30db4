"""The images that the objects of a chart name, in whatever field. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from whisklab.bundle import tokens
from whisklab.bundle.names import ImageName, matched
from whisklab.bundle.tokens import Seen
from whisklab.engine.kubernetes.objects import SECRET, SOUNDS_SECRET, Id, Object

IMAGE = "image"
_PARTS = {"prefix", "name", "tag"}  # as OpenWhisk's runtimes have them
_REPOSITORY = ("repository", "repo")
_ENDINGS = ("_REPOSITORY", "_REPO", "_IMAGE_NAME", "_IMAGE")  # of variables that a tag goes with


@dataclass(frozen=True)
class Found:
    """An image, and which field of which object names it."""

    image: ImageName
    where: str


@dataclass(frozen=True)
class Doubt:
    """A text that looks like an image, and where it stands."""

    text: str
    where: str


def search(
    objects: Mapping[Id, Object], ignored: Collection[str] = ()
) -> tuple[list[Found], list[Doubt]]:
    """Return the images that some objects name, and what looks like one and was not understood.

    Args:
        objects: as helm renders them.
        ignored: texts that are none.
    """
    found: dict[tuple[str, str], Found] = {}
    doubts: dict[tuple[str, str], Doubt] = {}
    for name, each in objects.items():
        for path, seen in _seen(each):
            where = f"{name} {path}"
            if seen.text in ignored:
                continue
            if seen.image is not None:
                found.setdefault((str(seen.image), where), Found(seen.image, where))
            # What a secret has is never shown: only what is surely an image is taken from there.
            elif name.kind != SECRET and not SOUNDS_SECRET.search(path.rpartition(".")[2]):
                doubts.setdefault((seen.text, where), Doubt(seen.text, where))
    known = {each.image for each in found.values()}
    left = [each for each in doubts.values() if matched(each.text) not in known]
    return list(found.values()), left


def _seen(found: Object) -> Iterator[tuple[str, Seen]]:
    if found.get("kind") == SECRET:
        for key, value in (found.get("data") or {}).items():
            yield from _value(_decoded(value), f"data.{key}", key)
        yield from _value(found.get("stringData") or {}, "stringData", "")
        return
    for key, value in found.items():
        yield from _value(value, str(key), str(key))


def _decoded(value: object) -> str:
    try:
        return base64.b64decode(str(value), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""  # bytes, such as a key store


def _value(value: Any, path: str, key: str) -> Iterator[tuple[str, Seen]]:  # noqa: ANN401
    if isinstance(value, Mapping):
        yield from _mapping(value, path, key)
    elif isinstance(value, list):
        yield from _several(value, path, key)
    elif isinstance(value, str) and value.strip():
        for seen in _text(value, path, key):
            yield seen if isinstance(seen, tuple) else (path, seen)


def _mapping(value: Mapping[str, Any], path: str, key: str) -> Iterator[tuple[str, Seen]]:
    whole = _composed(value, key)
    if whole is not None:
        yield path, whole
    for name, inner in value.items():
        if whole is None or isinstance(inner, Mapping | list):
            yield from _value(inner, f"{path}.{name}", str(name))


def _composed(value: Mapping[str, Any], key: str) -> Seen | None:
    """Return the image that several keys name together, None where they name none."""
    if set(value) == _PARTS and all(isinstance(each, str) for each in value.values()):
        prefix = f"{value['prefix']}/" if value["prefix"] else ""
        return _joined(prefix + value["name"], value["tag"])
    path = next((value[name] for name in _REPOSITORY if isinstance(value.get(name), str)), None)
    if path is None or "://" in path or not ("tag" in value or "digest" in value or key == IMAGE):
        return None
    registry = f"{value['registry']}/" if isinstance(value.get("registry"), str) else ""
    digest = f"@{value['digest']}" if value.get("digest") else ""
    return _joined(registry + path, str(value.get("tag") or ""), digest)


def _joined(path: str, tag: str, digest: str = "") -> Seen:
    text = path + (f":{tag}" if tag else "") + digest
    return Seen(text, matched(text))


def _several(value: list[Any], path: str, key: str) -> Iterator[tuple[str, Seen]]:
    variables = _variables(value)
    if variables:
        yield from _environment(variables, path)
        return
    before: str | None = None
    for index, inner in enumerate(value):
        flag = before if isinstance(inner, str) and not inner.startswith("-") else None
        yield from _value(inner, f"{path}[{index}]", flag or key)
        before = tokens.flag_of(inner) if isinstance(inner, str) else None


def _variables(value: list[Any]) -> dict[str, str]:
    """Return an environment by its names; empty for another list."""
    pairs = [each for each in value if isinstance(each, Mapping)]
    is_one = pairs and all(set(each) <= {"name", "value", "valueFrom"} and each.get("name")
                           for each in pairs)  # fmt: skip
    if not is_one or len(pairs) != len(value):
        return {}
    return {str(each["name"]): str(each.get("value") or "") for each in pairs}


def _environment(variables: Mapping[str, str], path: str) -> Iterator[tuple[str, Seen]]:
    for name, value in variables.items():
        where = f"{path}.{name}"
        if (whole := _with_tag(name, value, variables)) is not None:
            yield where, whole
        else:
            yield from _value(value, where, name)


def _with_tag(name: str, value: str, variables: Mapping[str, str]) -> Seen | None:
    """Return the image of a variable that has its tag in another one, None for another variable."""
    upper = name.upper()
    ending = next((each for each in _ENDINGS if upper.endswith(each)), None)
    found = matched(value)
    # A tag that it has itself is in its text; `latest` that nobody wrote is not.
    if ending is None or found is None or "://" in value or found.digest or _tagged(value):
        return None
    begin = name[: -len(ending)]
    known = {key.upper(): text for key, text in variables.items()}
    for other in ("_TAG", "_IMAGE_TAG", "_VERSION", "_IMAGE_VERSION"):
        if tag := known.get((begin + other).upper()):
            return _joined(value, tag)
    is_image = ending.startswith("_IMAGE")
    return Seen(value, found if is_image else None) if is_image or "/" in value else None


def _tagged(value: str) -> bool:
    return ":" in value.rpartition("/")[2]


def _text(value: str, path: str, key: str) -> Iterator[Seen | tuple[str, Seen]]:
    if value.lstrip()[:1] in ("{", "["):
        try:
            inner = json.loads(value)
        except ValueError:
            inner = None
        if isinstance(inner, dict | list):
            yield from _value(inner, f"{path} (JSON)", key)
            return
    # An embedded document has keys and values of its own, and one key does not hold for all of it.
    yield from (
        tokens.hinted(value) if tokens.is_hint(key) and "\n" not in value else tokens.words(value)
    )
