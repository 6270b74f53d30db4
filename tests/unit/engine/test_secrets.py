"""The secrets store."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from whisklab.engine.secrets import SecretStore
from whisklab.errors import WhisklabError


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_generated_once(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / ".secrets/lab")
    first = store.get_or_create("token", length=16)
    assert len(first) == 32
    assert store.get_or_create("token") == first
    assert mode(store.path("token")) == 0o600
    assert mode(tmp_path / ".secrets/lab") == 0o700
    assert [p.name for p in (tmp_path / ".secrets/lab").iterdir()] == ["token"]


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
        store.get_or_create("token")
    path.chmod(0o600)
    assert store.get_or_create("token") == "given"
    path.write_text("\n")
    with pytest.raises(WhisklabError, match="empty"):
        store.read("token")


def test_what_was_never_written(tmp_path: Path) -> None:
    assert SecretStore(tmp_path / "none").read("token") is None
