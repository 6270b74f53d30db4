"""group_data/all.py, made of the models: each setting with its default and what it means. Pure."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from whisklab.engine.data.settings import OFFLINE, Settings

WIDTH = 100  # columns, as the rest of the repository
LONGEST = 10  # lines; a longer default stays in its model
HEAD = '''"""Every setting with its default and its meaning, made of the models by `make settings`.

Give an environment its own values in group_data/<environment>.py;
group_data/{masters,workers,storage,registry}.py are for the machines of a group. An environment's
value beats a group's, a group's beats these.
"""

_sudo = True  # SSH logs in as an ordinary user; the work is done with sudo
'''
_ENTRY = re.compile(r"^    (\w+): (.*(?:\n      +.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        key: in the data.
        default: as Python writes it, of one line or several; None where there is none to write.
        meaning: from the model's docstring, one line.
    """

    key: str
    default: str | None
    meaning: str


def settings(model: type[Settings]) -> list[Setting]:
    """Return the settings of a model, in its order.

    Raises:
        KeyError: one is not in the `Attributes:` of the model's docstring.
    """
    meanings = _meanings(model)
    return [
        Setting(key, None, f"{meanings[name]}. {_either(model, name)}")
        if name in model.closed
        else Setting(key, _default(model.model_fields[name], len(key)), meanings[name])
        for key, name in model.data_keys().items()
    ]


def _either(model: type[Settings], name: str) -> str:
    """Return both defaults of a setting; written as a value, one of them would always win."""
    usual = _short(_plain(model.model_fields[name].default))
    closed = _short(_plain(model.closed[name]))
    return f"Not said: {usual}; with {OFFLINE} = True: {closed}"


def text(models: Iterable[type[Settings]]) -> str:
    """Return the whole of group_data/all.py."""
    return "\n".join([HEAD, *(section for model in models if (section := _section(model)))])


def _section(model: type[Settings]) -> str:
    found = settings(model)
    if not found:
        return ""
    head, _, rest = (
        inspect.cleandoc(model.__doc__ or "").partition("Attributes:")[0].partition("\n")
    )
    title = f"# {head.rstrip('.')} "
    lines = [title + "-" * (WIDTH - 1 - len(title))]
    lines += [f"# {line}".rstrip() for line in rest.strip().splitlines()]
    apart = bool(rest.strip())  # a comment belongs to what stands below it, up to an empty line
    for each in found:
        ours = _lines(each)
        lines += [""] if apart or ours[0].startswith("#") else []
        lines += ours
        apart = ours[-1].startswith("#")
    return "\n".join(lines) + "\n"


def _lines(setting: Setting) -> list[str]:
    if setting.default is None:
        return _comment(f"{setting.key}: {setting.meaning}")
    line = f"{setting.key} = {setting.default}"
    beside = f"{line}  # {setting.meaning}"
    if len(beside) <= WIDTH and "\n" not in line:
        return [beside]
    return [*_comment(setting.meaning), *line.split("\n")]


def _comment(words: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(words, WIDTH - 2, break_on_hyphens=False)]


def _meanings(model: type[Settings]) -> dict[str, str]:
    told = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")[2]
    return {name: " ".join(words.split()).removesuffix(".") for name, words in _ENTRY.findall(told)}


def _default(field: FieldInfo, taken: int) -> str | None:
    if field.is_required() or (field.default is None and not field.repr):
        return None  # of the inventory, or a secret, which does not belong here
    written = "\n".join(literal(_plain(field.default), "", taken + len(" = ")))
    return written if written.count("\n") < LONGEST else None


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def literal(value: object, indent: str, taken: int) -> Iterator[str]:
    """Write a value as `ruff format` would; `taken`: columns before and after its first line."""
    line = _short(value)
    if not isinstance(value, dict | list) or len(indent) + taken + len(line) <= WIDTH:
        yield line
        return
    deeper = indent + "    "
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    yield opening
    for key, each in value.items() if isinstance(value, dict) else ((None, each) for each in value):
        before = "" if key is None else f"{_short(key)}: "
        first, *rest = literal(each, deeper, len(before) + 1)
        inner = [f"{deeper}{before}{first}", *rest]
        inner[-1] += ","
        yield from inner
    yield f"{indent}{closing}"


def _short(value: object) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        inner = (f"{_short(key)}: {_short(each)}" for key, each in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_short, value)) + "]"
    return repr(value)
