"""Typed settings: what group_data says, checked once before any host is touched.

A capability declares a `Settings` subclass; each field is one flat key of pyinfra's data, the
field's name behind the capability's prefix (`k3s_version`), because pyinfra overrides data key by
key and never merges dictionaries.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pyinfra.api.host import Host

from whisklab.engine import runs
from whisklab.engine.runs import Run
from whisklab.errors import BadInput

OFFLINE = "offline"  # the key of the data that says that a network is closed


class Settings(BaseModel):
    """Base of every capability's settings: frozen, no unknown keys, defaults for all but facts.

    A field that may hold a secret is declared with `repr=False`: its value is never shown.

    Class attributes: `prefix` stands before each field's name in the data ("" for none); `closed`
    has the defaults, by field, that are others where the data say `offline = True`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    prefix: ClassVar[str] = ""
    closed: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    @classmethod
    def data_keys(cls) -> dict[str, str]:
        """Map each data key to its field name."""
        return {cls.prefix + name: name for name in cls.model_fields}

    @classmethod
    def of(cls, host: Host) -> Self:
        """Return this capability's validated settings of `host`.

        Raises:
            BadInput: the data was not validated, because `config.py` was not read.
        """
        found = runs.on(host).part(_Validated).get(host.name, {}).get(cls)
        if not isinstance(found, cls):
            raise BadInput(
                f"{cls.__name__} of {host.name} were not validated: run pyinfra in the directory "
                "of config.py, which lists them"
            )
        return found


@dataclass(frozen=True)
class HostData:
    """A host's merged data, and where each key comes from (for error sentences)."""

    host: str
    values: Mapping[str, Any]
    origin: Callable[[str], str]


class _Validated(dict[str, dict[type[Settings], Settings]]):
    """The settings of a run's hosts, by name."""


def validate(
    run: Run,
    hosts: Iterable[HostData],
    models: Iterable[type[Settings]],
    foreign: Callable[[str], bool],
) -> None:
    """Validate the data of all hosts and keep the results for `Settings.of`.

    Args:
        run: whose hosts they are.
        hosts: the merged data of each host.
        models: every capability's settings; a key that is in none of them is unknown.
        foreign: tells which keys belong to pyinfra itself and are not ours to judge.

    Raises:
        BadInput: one line for each finding, naming file, key and what was expected.
    """
    models = list(models)
    known = {key for model in models for key in model.data_keys()}
    findings: list[str] = []
    results: dict[str, dict[type[Settings], Settings]] = {}
    for data in hosts:
        findings += [
            _unknown(data, key, known)
            for key in data.values
            if key not in known and not foreign(key)
        ]
        results[data.host] = {}
        for model in models:
            try:
                results[data.host][model] = _parse(data, model)
            except ValidationError as error:
                findings += _sentences(data, model, error)
    if findings:
        # One finding in group_data shows at every host; say it once.
        raise BadInput("\n".join(dict.fromkeys(findings)))
    run.part(_Validated).update(results)


def _parse(data: HostData, model: type[Settings]) -> Settings:
    given = {
        name: data.values[key] for key, name in model.data_keys().items() if key in data.values
    }
    defaults = model.closed if data.values.get(OFFLINE) is True else {}
    return model.model_validate({**defaults, **given})


def _unknown(data: HostData, key: str, known: set[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else "group_data/all.py lists the known ones"
    return f"{data.origin(key)}: {key}: unknown key, {hint}"


def _sentences(data: HostData, model: type[Settings], error: ValidationError) -> list[str]:
    lines = []
    hidden = {name for name, field in model.model_fields.items() if not field.repr}
    for item in error.errors(include_url=False):
        path = [str(part) for part in item["loc"]]
        if not path:
            lines.append(f"{data.origin('')} (host {data.host}): {_message(item)}")
            continue
        key = model.prefix + path[0]
        inner = "".join(f"[{part}]" for part in path[1:])
        shown = item["type"] != "missing" and path[0] not in hidden
        given = f", not {item['input']!r}" if shown else ""
        lines.append(f"{data.origin(key)}: {key}{inner}: {_message(item)}{given}")
    return lines


def _message(item: Mapping[str, Any]) -> str:
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    if item["type"] == "missing":
        return "missing, it has no default"
    message = str(item["msg"])
    return message[:1].lower() + message[1:]
