"""The secrets store."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from whisklab.engine.data.secrets import SecretStore
from whisklab.errors import WhisklabError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_proposed_is_used_at_once_and_written_when_it_is_kept(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / ".secrets/lab")
    assert store.value("token") is None
    assert store.propose("token", "made", "is generated") == "made"
    assert store.propose("token", "another", "is generated") == store.value("token") == "made"
    assert not list(tmp_path.iterdir())
    assert "made" not in repr(store.proposed)
    store.keep()
    assert store.read("token") == "made"
    assert not store.proposed
    assert mode(store.path("token")) == 0o600
    assert mode(tmp_path / ".secrets/lab") == 0o700
    assert [p.name for p in (tmp_path / ".secrets/lab").iterdir()] == ["token"]


def test_what_another_run_has_written_meanwhile_stays(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    store.propose("token", "ours", "is generated")
    SecretStore(tmp_path).write("token", "theirs")
    assert store.value("token") == "theirs"
    with pytest.raises(WhisklabError, match="another run has written it meanwhile: run again"):
        store.keep()
    assert store.read("token") == "theirs"


def test_the_first_of_two_runs_wins(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    store.write("token", "first", replace=False)
    store.write("token", "second", replace=False)
    assert store.read("token") == "first"


def test_given_secrets_are_used_and_their_mode_is_checked(tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    path = tmp_path / "token"
    path.write_text("given\n")
    path.chmod(0o644)
    with pytest.raises(WhisklabError, match="chmod 600"):
        store.value("token")
    path.chmod(0o600)
    assert store.value("token") == "given"
    path.write_text("\n")
    with pytest.raises(WhisklabError, match="empty"):
        store.read("token")


def test_what_was_never_written(tmp_path: Path) -> None:
    assert SecretStore(tmp_path / "none").read("token") is None
