"""Whom wsk talks to."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from pyinfra.api import FactProcessError

from deploys.wsk.facts import Account, Accounts
from deploys.wsk.render import properties
from deploys.wsk.settings import GUEST, WskSettings


@pytest.mark.parametrize(
    ("settings", "address", "host"),
    [
        (WskSettings(), "10.0.0.1", "10.0.0.1:31001"),
        (WskSettings(), "fd00::1", "[fd00::1]:31001"),
        (WskSettings(api_port=443), "10.0.0.1", "10.0.0.1:443"),
        (WskSettings(api_host="ow.test:8443"), "10.0.0.1", "ow.test:8443"),
    ],
)
def test_properties(settings: WskSettings, address: str, host: str) -> None:
    assert properties(settings, address) == f"APIHOST={host}\nAUTH={GUEST}\n"


def test_a_key_that_is_none_is_refused_and_not_shown() -> None:
    assert GUEST not in repr(WskSettings())
    with pytest.raises(ValidationError, match="expected an OpenWhisk key"):
        WskSettings(auth="me:too-short")


def test_accounts() -> None:
    found = Accounts().process(["root|root|/root", "lab|users|/home/lab"])
    assert found == [Account("root", "root", "/root"), Account("lab", "users", "/home/lab")]
    with pytest.raises(FactProcessError):
        Accounts().process(["sudo: no"])
