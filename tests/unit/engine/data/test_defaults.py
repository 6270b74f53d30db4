"""group_data/all.py is made of the models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from deploys import models
from whisklab.cli.main import run
from whisklab.engine.data import defaults
from whisklab.engine.data.machine import Machine
from whisklab.engine.data.settings import Settings

ALL = Path(__file__).parents[4] / "group_data/all.py"
LEAVES = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


class Example(Settings):
    """An example.

    More of it.

    Attributes:
        short: of one line.
        long: of more lines than one, because there is so much to be said about it that no line
            of a file in this repository can hold it.
        given: from elsewhere.
        secret: nobody's business.
        values: further ones.
    """

    prefix: ClassVar[str] = "example_"

    short: int = 1
    long: str = "x"
    given: str
    secret: Annotated[str | None, Field(repr=False)] = None
    values: Annotated[dict[str, Any], Field(repr=False)] = {}


class Undescribed(Settings):
    """One without a meaning."""

    key: int = 1


def test_the_file_is_as_it_would_be_made() -> None:
    assert ALL.read_text() == defaults.text(models()), "run `make settings`"


def test_what_it_sets_are_the_defaults_of_the_models() -> None:
    found: dict[str, Any] = {}
    exec(ALL.read_text(), found)  # noqa: S102  our own file
    address = {"node_address": "10.0.0.1"}
    for model in models():
        need = address if model is Machine else {}
        keys = {name: found[key] for key, name in model.data_keys().items() if key in found}
        assert model(**need) == model(**need, **keys)


def test_every_setting_is_in_it() -> None:
    text = ALL.read_text()
    for model in models():
        for key in model.data_keys():
            assert text.count(f"\n{key} = ") + text.count(f"\n# {key}: ") == 1, key


def test_how_a_section_is_written() -> None:
    section = defaults.text([Example]).partition("# An example ")[2]
    assert section.splitlines()[1:] == [
        "# More of it.",
        "",
        "example_short = 1  # of one line",
        "",
        (
            "# of more lines than one, because there is so much to be said about it that "
            "no line of a file in"
        ),
        "# this repository can hold it",
        'example_long = "x"',
        "",
        "# example_given: from elsewhere",
        "",
        "# example_secret: nobody's business",
        "",
        "example_values = {}  # further ones",
    ]


def test_a_setting_without_a_meaning_is_an_error() -> None:
    with pytest.raises(KeyError, match="key"):
        defaults.settings(Undescribed)


@given(VALUES)
def test_a_default_is_read_as_it_was_written(value: object) -> None:
    written = "\n".join(defaults.literal(value, "", 10))
    assert eval(written) == value  # noqa: S307  what was just written


def test_as_json_it_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["settings", "--json"]) == 0
    found = {each["key"]: each["default"] for each in json.loads(capsys.readouterr().out)}
    assert found["k3s_https_listen_port"] == "6443"
    assert found["wsk_auth"] is None
    assert run(["settings"]) == 0
    assert capsys.readouterr().out == ALL.read_text()


class Closing(Example):
    """One with another default in a closed network.

    Attributes:
        short: of one line.
        long: x.
        given: from elsewhere.
        secret: nobody's business.
        values: further ones.
    """

    closed: ClassVar[Mapping[str, Any]] = MappingProxyType({"short": 2})


def test_a_setting_with_two_defaults_is_not_said_for_everybody() -> None:
    text = defaults.text([Closing])
    assert "# example_short: of one line. Not said: 1; with offline = True: 2\n" in text
    assert "\nexample_short =" not in text
