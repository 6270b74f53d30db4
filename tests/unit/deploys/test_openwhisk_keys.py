"""The keys of OpenWhisk: public, given, of the laptop, of the running one, or generated once."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from deploys.openwhisk import keys
from deploys.openwhisk.keys import Keys
from deploys.openwhisk.settings import PASSWORD, OpenWhiskSettings
from deploys.wsk.settings import WskSettings
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.run.environment import Environment

GIVEN = f"{'1' * 8}-{'2' * 4}-{'3' * 4}-{'4' * 4}-{'5' * 12}:{'k' * 64}"
RUNNING = Keys(guest="guest of it", system="system of it", db_password="its own")  # noqa: S106
FIELDS = [each.name for each in fields(Keys)]


def none() -> None:
    """There is no OpenWhisk yet."""


def never() -> Keys:
    raise AssertionError("asked although the laptop has all")


def test_generated_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / ".secrets/lab")
    first = keys.keys(OpenWhiskSettings(), store, none)
    assert keys.keys(OpenWhiskSettings(), store, never) == first
    assert PASSWORD.fullmatch(first.db_password)
    assert len({first.guest, first.system, first.db_password, keys.GUEST, keys.SYSTEM}) == 5
    for key in (first.guest, first.system):
        assert WskSettings(auth=key).auth == key  # of the form that OpenWhisk takes
        assert key not in repr(first)
    assert not list(tmp_path.iterdir())  # a plan may be all
    store.keep()
    files = list((tmp_path / ".secrets/lab").iterdir())
    assert len(files) == 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert keys.keys(OpenWhiskSettings(), SecretStore(tmp_path / ".secrets/lab"), never) == first


def test_those_that_are_lost_are_taken_from_the_running_one(tmp_path: Path) -> None:
    for lost in FIELDS:
        store = SecretStore(tmp_path / lost)
        kept = keys.keys(OpenWhiskSettings(), store, none)
        store.keep()
        (
            tmp_path / lost / f"openwhisk_{'db_password' if 'db' in lost else f'{lost}_auth'}"
        ).unlink()
        found = keys.keys(OpenWhiskSettings(), store, lambda: RUNNING)
        assert found == replace(kept, **{lost: getattr(RUNNING, lost)})
        assert [each.why for each in store.proposed.values()] == [
            "is taken over from the running OpenWhisk"
        ]


def test_public_ones_only_when_the_settings_say_so(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    found = keys.keys(OpenWhiskSettings(public_credentials=True), store, never)
    assert (found.guest, found.system) == (keys.GUEST, keys.SYSTEM)
    assert not store.proposed


def test_given_ones_are_taken(tmp_path: Path) -> None:
    settings = OpenWhiskSettings(guest_auth=GIVEN, db_password="of-the~user.1_")  # noqa: S106
    store = SecretStore(tmp_path)
    found = keys.keys(settings, store, none)
    assert (found.guest, found.db_password) == (GIVEN, "of-the~user.1_")
    assert GIVEN not in repr(settings)
    assert list(store.proposed) == ["openwhisk_system_auth"]


@pytest.mark.parametrize("other", FIELDS)
def test_other_ones_than_the_running_are_refused_by_name(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "current", lambda: Environment("lab", tmp_path))
    settings, store = OpenWhiskSettings(), SecretStore(tmp_path)
    wanted = replace(RUNNING, **{other: "secret of mine"})
    (sentence,) = keys.refusals(settings, store, wanted, RUNNING)
    assert sentence.startswith(f"{tmp_path}/openwhisk_{other[:2]}")
    assert "run `whisklab adopt lab`" in sentence
    assert "secret of mine" not in sentence
    assert keys.refusals(settings, store, RUNNING, RUNNING) == []
    assert keys.refusals(settings, store, wanted, None) == []
    public = OpenWhiskSettings(public_credentials=True)
    (sentence,) = keys.refusals(public, store, wanted, RUNNING)
    assert sentence.startswith("the chart (openwhisk_public_credentials): another ")
    given = OpenWhiskSettings(guest_auth=GIVEN)
    (sentence,) = keys.refusals(given, store, replace(RUNNING, guest=GIVEN), RUNNING)
    assert sentence.startswith("openwhisk_guest_auth: another key of guest than the running")
