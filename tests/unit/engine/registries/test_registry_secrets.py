"""The registry's secrets: the laptop's, else the running ones, else new ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.registries import secrets as registry_secrets
from whisklab.engine.registries.secrets import NAMES, Credentials
from whisklab.engine.tls import authority

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
SIGNER = authority.new("whisklab lab", NOW)
HOSTS = ["nas", "10.0.0.4", "localhost", "127.0.0.1"]


def chosen(
    store: SecretStore, kept: Mapping[str, str] | None = None, *, days: int = 0,
    hosts: list[str] | None = None,
) -> Credentials:  # fmt: skip
    def there() -> Mapping[str, str]:
        assert kept is not None, "the machine was asked"
        return kept

    return registry_secrets.chosen(store, there, SIGNER, hosts or HOSTS, NOW + timedelta(days=days))


def whole(directory: Path) -> tuple[SecretStore, Credentials]:
    """A laptop that has deployed it."""
    store = SecretStore(directory / "first")
    found = chosen(store, {})
    store.keep()
    return store, found


def test_new_ones_are_made_once(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "lab")
    first = chosen(store, {})
    assert set(store.proposed) == set(NAMES) == set(first.files)
    assert not (tmp_path / "lab").exists()  # a plan may be all
    assert chosen(store, {}) == first
    store.keep()
    assert chosen(SecretStore(tmp_path / "lab")) == first  # and nobody is asked
    secrets = [first.leaf.key, first.salt, *first.passwords.values()]
    assert not any(each in repr(first) for each in secrets)


@pytest.mark.parametrize("lost", [*NAMES, ""])
def test_what_the_laptop_lost_is_taken_over(tmp_path: Path, lost: str) -> None:
    """One file; with "" all of them."""
    store, first = whole(tmp_path)
    other = SecretStore(tmp_path / "other")
    for name in NAMES:
        if lost and name != lost:
            other.write(name, str(store.read(name)))
    assert chosen(other, first.files) == first
    assert set(other.proposed) == ({lost} if lost else set(NAMES))
    assert all("taken over from the platform" in each.why for each in other.proposed.values())


def test_a_given_password_is_the_one(tmp_path: Path) -> None:
    store, first = whole(tmp_path)
    store.write("registry_pull", "another")
    found = chosen(store)
    assert found.passwords == {**first.passwords, "nodes": "another"}
    assert found.leaf == first.leaf


@pytest.mark.parametrize("change", ["names", "end"])
def test_a_leaf_that_no_longer_fits_is_made_anew(tmp_path: Path, change: str) -> None:
    store, first = whole(tmp_path)
    hosts = [*HOSTS, "10.0.0.9"] if change == "names" else HOSTS
    found = chosen(store, {}, days=800 if change == "end" else 0, hosts=hosts)
    assert found.leaf != first.leaf
    assert found.passwords == first.passwords
    whys = {store.proposed[name].why for name in ("registry_certificate", "registry_key")}
    assert len(whys) == 1
    assert whys.pop().startswith("is made anew: it ")
    store.keep()
    assert store.read("registry_key") == found.leaf.key.strip()
    again = chosen(SecretStore(tmp_path / "first"), {}, days=800 if change == "end" else 0,
                   hosts=hosts)  # fmt: skip
    assert again == found


def test_a_leaf_that_was_taken_over_and_has_ended_is_made_anew_in_the_same_run(
    tmp_path: Path,
) -> None:
    _, first = whole(tmp_path)
    other = SecretStore(tmp_path / "other")
    found = chosen(other, first.files, days=800)
    assert found.leaf != first.leaf
    assert other.proposed["registry_key"].why.startswith("is made anew: it ends on")
    other.keep()
    assert chosen(SecretStore(tmp_path / "other"), days=800) == found


@pytest.mark.parametrize("lacking", ["registry_certificate", "registry_key"])
def test_half_a_leaf_is_made_anew(tmp_path: Path, lacking: str) -> None:
    store, first = whole(tmp_path)
    store.path(lacking).unlink()
    found = chosen(store, {})
    assert found.leaf.certificate != first.leaf.certificate
    store.keep()
    assert chosen(SecretStore(tmp_path / "first")) == found


def test_how_soon_a_leaf_is_made_anew_can_be_said(tmp_path: Path) -> None:
    store, first = whole(tmp_path)
    machine = dict(first.files)

    def within(days: int) -> Credentials:
        limit = timedelta(days=days)
        return registry_secrets.chosen(store, lambda: machine, SIGNER, HOSTS, NOW, limit)

    assert within(800) == first
    assert within(36500).leaf != first.leaf
