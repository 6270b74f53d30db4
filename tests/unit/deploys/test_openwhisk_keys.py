"""The keys of OpenWhisk: public, given, or generated once."""

from __future__ import annotations

from pathlib import Path

from deploys.openwhisk import keys
from deploys.openwhisk.settings import PASSWORD, OpenWhiskSettings
from deploys.wsk.settings import WskSettings
from whisklab.engine.secrets import SecretStore

GIVEN = f"{'1' * 8}-{'2' * 4}-{'3' * 4}-{'4' * 4}-{'5' * 12}:{'k' * 64}"


def test_generated_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / ".secrets/lab")
    first = keys.keys(OpenWhiskSettings(), store)
    assert keys.keys(OpenWhiskSettings(), store) == first
    assert PASSWORD.fullmatch(first.db_password)
    assert len({first.guest, first.system, first.db_password, keys.GUEST, keys.SYSTEM}) == 5
    for key in (first.guest, first.system):
        assert WskSettings(auth=key).auth == key  # of the form that OpenWhisk takes
        assert key not in repr(first)
    files = list((tmp_path / ".secrets/lab").iterdir())
    assert len(files) == 3
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_public_ones_only_when_the_settings_say_so(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    found = keys.keys(OpenWhiskSettings(public_credentials=True), store)
    assert (found.guest, found.system) == (keys.GUEST, keys.SYSTEM)
    assert not list(tmp_path.iterdir())


def test_given_ones_are_taken(tmp_path: Path) -> None:
    settings = OpenWhiskSettings(guest_auth=GIVEN, db_password="of-the~user.1_")  # noqa: S106
    found = keys.keys(settings, SecretStore(tmp_path))
    assert (found.guest, found.db_password) == (GIVEN, "of-the~user.1_")
    assert GIVEN not in repr(settings)
    assert [path.name for path in tmp_path.iterdir()] == ["openwhisk_system_auth"]
