"""Whom wsk talks to."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from pyinfra.api import FactProcessError

from deploys.wsk.facts import Account, Accounts
from deploys.wsk.render import properties
from deploys.wsk.settings import WskSettings

KEY = f"{'0' * 8}-{'0' * 4}-{'0' * 4}-{'0' * 4}-{'0' * 12}:{'k' * 64}"
OTHER = KEY.replace("k", "o")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (WskSettings(), f"APIHOST=10.0.0.1:31001\nAUTH={KEY}\n"),
        (WskSettings(api_host="ow.test:8443"), f"APIHOST=ow.test:8443\nAUTH={KEY}\n"),
        (WskSettings(auth=OTHER), f"APIHOST=10.0.0.1:31001\nAUTH={OTHER}\n"),
    ],
)
def test_properties(settings: WskSettings, expected: str) -> None:
    assert properties(settings, "10.0.0.1:31001", KEY) == expected


def test_a_key_that_is_none_is_refused_and_not_shown() -> None:
    assert KEY not in repr(WskSettings(auth=KEY))
    with pytest.raises(ValidationError, match="expected an OpenWhisk key"):
        WskSettings(auth="me:too-short")


def test_accounts() -> None:
    found = Accounts().process(["root|root|/root", "lab|users|/home/lab"])
    assert found == [Account("root", "root", "/root"), Account("lab", "users", "/home/lab")]
    with pytest.raises(FactProcessError):
        Accounts().process(["sudo: no"])
