"""Whose registry an environment has, by its settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.state import State
from pyinfra.context import ctx_state

from whisklab.engine import runs
from whisklab.engine.data import settings
from whisklab.engine.data.machine import Machine
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.registries import registry
from whisklab.engine.registries.registry import RegistrySettings
from whisklab.errors import BadInput

URL = {"registry_url": "https://harbor.example", "registry_project": "lab"}
ACCOUNTS = {"registry_account": "robot$pull", "registry_push_account": "robot$push"}
Make = Callable[..., Any]  # Machines, for an Inventory


class Machines(list[Any]):
    """An inventory of two: a master, and a machine of the group registry."""

    def get_group(self, name: str, default: object = None) -> object:
        return {"masters": self[:1], "registry": self[1:]}.get(name, default)


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Make]:
    store = SecretStore(tmp_path / "secrets")
    for name in (registry.ACCOUNT, registry.PUSH_ACCOUNT):
        store.write(name, f"of {name}")

    def made(all_: Mapping[str, Any], nas: Mapping[str, Any] | None = None) -> Machines:
        state = State()
        found = Machines(SimpleNamespace(name=name, state=state) for name in ("master", "nas"))
        data = [{"node_address": "10.0.0.1", **all_}, {"node_address": "10.0.0.2", **all_}]
        data[1] |= nas or {}
        settings.validate(
            runs.of(state),
            [settings.HostData(host.name, values, lambda _: "group_data/all.py")
             for host, values in zip(found, data, strict=True)],
            [RegistrySettings, Machine], lambda _: False,
        )  # fmt: skip
        ctx_state.set(state)
        monkeypatch.setattr(registry, "inventory", found)
        monkeypatch.setattr(registry, "current", lambda: SimpleNamespace(store=store, name="lab"))
        return found

    yield made
    ctx_state.reset()


def test_one_of_our_own_unless_another_is_named(make: Make) -> None:
    found = make({})
    registry.check()
    assert registry.server(found) is found[1]
    assert registry.server(make({"registry_enabled": False})) is None
    found = make({**URL, **ACCOUNTS})
    registry.check()
    assert registry.server(found) is None
    pusher = registry.pusher(found)
    assert pusher
    assert (pusher.url, pusher.project, pusher.theirs) == (*URL.values(), True)
    assert registry.pusher(make({**URL, "registry_enabled": False})) is None


@pytest.mark.parametrize(
    ("accounts", "account", "secret"),
    [
        (ACCOUNTS, "robot$push", "of registry_push_account"),
        ({"registry_account": "robot$pull"}, "robot$pull", "of registry_account"),
        ({"registry_push_account": "robot$push"}, "robot$push", "of registry_push_account"),
        ({}, "", ""),
    ],
)
def test_images_are_pushed_with_an_account_of_their_own(
    make: Make, accounts: dict[str, str], account: str, secret: str
) -> None:
    pusher = registry.pusher(make({**URL, **accounts}))
    assert pusher
    assert (pusher.account, pusher.password) == (account, secret)


@pytest.mark.parametrize(
    ("key", "value"),
    [("url", "https://other.example"), ("project", "other"), ("account", "other"),
     ("push_account", "other"), ("ca", "other.pem"), ("mirrors", ["docker.io"]),
     ("enabled", False)],
)  # fmt: skip
def test_all_machines_agree_on_one_that_is_named(make: Make, key: str, value: object) -> None:
    make({**URL, **ACCOUNTS}, {f"registry_{key}": value})
    with pytest.raises(BadInput, match=rf"^registry_{key}: master has .* and nas .*all machines"):
        registry.check()


def test_a_url_of_the_registry_s_machine_only_is_no_half_a_registry(make: Make) -> None:
    make({}, URL)
    with pytest.raises(BadInput, match=r"^registry_url: master has None and nas 'https://harbor"):
        registry.check()
    make({}, {"registry_mirrors": ["docker.io"]})  # of our own it is its machine's
    registry.check()


def test_a_password_that_lacks_is_said_before_any_host_is_touched(
    make: Make, tmp_path: Path
) -> None:
    make({**URL, **ACCOUNTS})
    (tmp_path / "secrets" / registry.ACCOUNT).unlink()
    with pytest.raises(BadInput, match=r"registry_account: not there: write the password of the"):
        registry.check()
