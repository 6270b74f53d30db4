"""One authority after another: at each step what was signed before is known, also after a kill."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.tls import authority, issuer
from whisklab.engine.tls.succession import NEXT_KEY, Stage, Succession
from whisklab.errors import WhisklabError

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
OLD = authority.new("old", NOW)


class Killed(Exception):
    """The process ends here."""


def begun(directory: Path) -> SecretStore:
    store = SecretStore(directory)
    for name, text in zip(issuer.NAMES, (OLD.certificate, OLD.key), strict=True):
        store.write(name, text)
    return store


def signs(store: SecretStore) -> authority.Pair:
    """The authority as a run takes it; it must be able to sign."""
    return issuer.chosen(store, dict, "lab", NOW)


def all_steps(change: Succession) -> None:
    for _ in range(3):
        change.advance(NOW)


def test_the_steps_in_their_order(tmp_path: Path) -> None:
    store = begun(tmp_path)
    change = Succession(store, "new")
    assert change.stage is Stage.NONE
    leaf = authority.issue(OLD, ["nas"], NOW)
    assert change.advance(NOW) is Stage.BOTH_TRUSTED
    both = signs(store)
    assert both.certificate.count("BEGIN") == 2
    assert authority.why_not(leaf, both, ["nas"], NOW) is None  # the old one signs still
    assert change.advance(NOW) is Stage.NEW_SIGNS
    new = signs(store)
    assert new.certificate.count("BEGIN") == 2
    assert "of another authority" in str(authority.why_not(leaf, new, ["nas"], NOW))
    assert OLD.certificate.strip() in new.certificate
    assert change.advance(NOW) is Stage.OLD_FORGOTTEN
    alone = signs(store)
    assert alone.key == new.key
    assert OLD.certificate.strip() not in alone.certificate
    assert change.advance(NOW) is Stage.OLD_FORGOTTEN  # nothing more to do
    change.end()
    assert change.stage is Stage.NONE
    assert signs(SecretStore(tmp_path)) == alone
    assert not store.path(NEXT_KEY).exists()


@pytest.mark.parametrize("write", range(5))
def test_one_that_was_killed_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    """Killed before each of the five writes."""
    store, count = begun(tmp_path), iter(range(9))
    stock = SecretStore.write

    def killed(self: SecretStore, name: str, text: str, *, replace: bool = True) -> None:
        if next(count) == write:
            raise Killed
        stock(self, name, text, replace=replace)

    monkeypatch.setattr(SecretStore, "write", killed)
    with pytest.raises(Killed):
        all_steps(Succession(store, "new"))
    monkeypatch.undo()
    change = Succession(SecretStore(tmp_path), "new")
    change.settle()
    assert signs(SecretStore(tmp_path)).key  # a run in between is possible
    seen = [change.stage]
    while change.stage is not Stage.OLD_FORGOTTEN:
        seen.append(change.advance(NOW))
        signs(SecretStore(tmp_path))
    assert seen == sorted(set(seen))
    assert OLD.key.strip() != signs(SecretStore(tmp_path)).key.strip()


def test_without_an_authority_there_is_none_to_follow(tmp_path: Path) -> None:
    with pytest.raises(WhisklabError, match=r"ca_certificate: no authority is there"):
        Succession(SecretStore(tmp_path), "new").advance(NOW)


def test_a_key_that_was_left_of_another_time_is_no_sign(tmp_path: Path) -> None:
    store = begun(tmp_path)
    store.write(NEXT_KEY, authority.new("stranger", NOW).key)
    assert Succession(store, "new").stage is Stage.NONE
