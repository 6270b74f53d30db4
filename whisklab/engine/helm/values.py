"""Values of a release: merged as Helm merges them, compared, and shown without secrets."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from whisklab.engine.helm.overlay import filled
from whisklab.engine.kubernetes.objects import HIDDEN, SOUNDS_SECRET, Loader
from whisklab.errors import BadInput

SHORTEST = 4  # characters; hiding "1" wherever it occurs would hide everything
SHOWN = 60  # characters of a value
LARGEST = 2**53  # Helm reads numbers as 64-bit floating point

Values = Mapping[str, Any]


def merged(base: Values, over: Values) -> dict[str, Any]:
    """Return `base` with `over` laid over it, as `helm -f base -f over` does. Pure."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both else value  # type: ignore[arg-type]
    return result


def read(paths: Iterable[Path]) -> dict[str, Any]:
    """Return what values files say together; a later one wins.

    Raises:
        BadInput: one cannot be read or is no mapping.
    """
    result: dict[str, Any] = {}
    for path in paths:
        try:
            found = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506  a safe one
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
        except (ValueError, yaml.YAMLError) as error:
            # The text may hold a secret: say where, not what.
            place = getattr(error, "problem_mark", None)
            line = f" (line {place.line + 1})" if place else ""
            raise BadInput(f"{path}: is no YAML{line}") from None
        if not isinstance(found, dict | None):
            raise BadInput(f"{path}: holds no values: expected `key: value` lines")
        result = merged(result, found or {})
    return result


def filled_in(values: Values, names: Mapping[str, str], where: str) -> dict[str, Any]:
    """Return values with `${NAME}` filled in where they are strings, see `overlay.filled`. Pure.

    Raises:
        BadInput: a name that has no value.
    """

    def one(value: Any, path: str) -> Any:  # noqa: ANN401  whatever YAML has
        if isinstance(value, str):
            return filled(value, names, f"{where}: {path}")
        if isinstance(value, Mapping):
            return {key: one(each, f"{path}.{key}" if path else str(key))
                    for key, each in value.items()}  # fmt: skip
        if isinstance(value, list):
            return [one(each, f"{path}[{number}]") for number, each in enumerate(value)]
        return value

    return {key: one(each, str(key)) for key, each in values.items()}


def text(values: Values) -> str:
    """Return values as JSON, always the same for the same values.

    Raises:
        BadInput: something in it is no JSON, such as a date, or a number that Helm would round; the
            sentence does not show it.
    """
    for path, value in _leaves(_plain(values)):
        if isinstance(value, int) and abs(value) > LARGEST:
            raise BadInput(f"value {path} is a number too long for Helm: write it in quotes")
    try:
        return json.dumps(_plain(values), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(f"values of a release cannot be written as JSON: {error}") from None


def difference(before: Values, after: Values) -> list[str]:
    """Return one half sentence for each value that differs; secrets only by name. Pure."""
    old, new = dict(_leaves(_plain(before))), dict(_leaves(_plain(after)))
    lines = []
    for path in sorted(old.keys() | new.keys()):
        was, wanted = _json(old, path), _json(new, path)
        if was != wanted:
            shown = f"is {_short(was)}, not {_short(wanted)}"
            lines.append(f"value {path} {'differs' if SOUNDS_SECRET.search(path) else shown}")
    return lines


def secrets_in(*all_values: Values) -> set[str]:
    """Return the texts that stand under keys that sound secret, and what HTTP's basic
    authentication makes of a `username` and a `password` that stand together. Pure.
    """  # noqa: D205
    leaves = [dict(_leaves(_plain(values))) for values in all_values]
    plain = {
        str(value)
        for found in leaves
        for path, value in found.items()
        if SOUNDS_SECRET.search(path)
        and isinstance(value, str | int)
        and len(str(value)) >= SHORTEST
    }
    return plain | {
        base64.b64encode(f"{found[user]}:{value}".encode()).decode()
        for found in leaves
        for path, value in found.items()
        if path.endswith("password")
        and (user := f"{path.removesuffix('password')}username") in found
    }


def masked(text: str, secrets: Collection[str]) -> str:
    """Return `text` without these secrets and their SHA-256. Pure."""
    for secret in sorted(secrets, key=len, reverse=True):
        for form in (secret, hashlib.sha256(secret.encode()).hexdigest()):
            text = text.replace(form, HIDDEN)
    return text


def _json(leaves: Mapping[str, Any], path: str) -> str:
    return json.dumps(leaves[path], sort_keys=True) if path in leaves else "unset"


def _short(shown: str) -> str:
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "..."


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    if isinstance(value, Mapping) and (value or not path):
        for key, inner in value.items():
            # An environment variable says by its name what it is.
            secret = key == "value" and SOUNDS_SECRET.search(str(value.get("name", "")))
            named = f"{key} (secret)" if secret else str(key)
            yield from _leaves(inner, f"{path}.{named}" if path else named)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path, value


def _plain(value: Any) -> Any:  # noqa: ANN401
    """A value as it comes back from Helm: keys are text, 2.0 is 2."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
