"""YAML that a person wrote: what is wrong with it, in one sentence."""

from __future__ import annotations

from typing import Any

import yaml
from pydantic import ValidationError

from whisklab.errors import BadInput


class _UniqueKeys(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, where YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(text: str, source: str) -> object:
    """Parse YAML; `source` names it in errors.

    Raises:
        BadInput: it is not valid, or gives a key twice.
    """
    try:
        return yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise BadInput(f"{source}: not valid YAML{where}: {problem}") from None


def sentence(error: ValidationError) -> str:
    """The first problem of a validation error as `key: what was expected`."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    kind = first["type"]
    if kind == "extra_forbidden":
        return f"{key}: there is no such key"
    if kind == "missing":
        return f"{key}: this key is needed"
    message = first["msg"].removeprefix("Value error, ")
    if not key:
        return message
    given = first["input"]
    if kind == "value_error":
        return f"{key}: expected {message}, got {given!r}"
    return f"{key}: {message[0].lower()}{message[1:]}, got {given!r}"
