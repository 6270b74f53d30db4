"""Secrets of a run are written once, by one host, and none of them is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.contract import fake_kubernetes as fake
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.run import keeping
from whisklab.engine.run.environment import Environment

TOKEN, KEY = "t0ken-of-k3s", "k3y-of-whisk"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretStore:
    """The store of an environment, with two secrets that a run proposes."""
    environment = Environment("lab", tmp_path)
    monkeypatch.setattr(keeping, "current", lambda: environment)
    environment.store.propose("token", TOKEN, "is generated")
    environment.store.propose("auth", f"{KEY}\n", "is that of the running OpenWhisk")
    return environment.store


def keep(*, by: str = fake.HERE, **how: Any) -> fake.Done:
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    done = do(keeping.secrets_kept, by=by, **how)
    said = json.dumps([*done.why, *done.errors, *done.told, repr(done.commands)])
    assert TOKEN not in said
    assert KEY not in said
    return done


WHY = ["token is generated", "auth is that of the running OpenWhisk"]


@pytest.mark.parametrize("by", [fake.HERE, "one that is not in the run"])
def test_what_is_proposed_is_told_and_written_by_a_run_only(
    store: SecretStore, tmp_path: Path, by: str
) -> None:
    assert keep(by=by, only_plan=True).why == WHY
    assert not (tmp_path / ".secrets").exists()
    done = keep(by=by)
    assert (done.failed, len(done.commands)) == (False, 1)
    directory = tmp_path / ".secrets/lab"
    found = {each.name: (each.read_text(), each.stat().st_mode & 0o777)
             for each in directory.iterdir()}  # fmt: skip
    assert found == {"token": (f"{TOKEN}\n", 0o600), "auth": (f"{KEY}\n", 0o600)}
    assert directory.stat().st_mode & 0o777 == 0o700
    assert store.proposed == {}
    assert keep(by=by).idle


def test_nothing_is_written_where_nothing_is_proposed(store: SecretStore, tmp_path: Path) -> None:
    store.keep()
    before = sorted(tmp_path.rglob("*"))
    assert keep().idle
    assert sorted(tmp_path.rglob("*")) == before


def test_a_secret_that_is_there_stays_unless_it_is_replaced(store: SecretStore) -> None:
    store.write("token", TOKEN)
    store.write("auth", "before")
    store.propose("auth", KEY, "has ended", replaces=True)
    assert not keep().failed
    assert (store.read("token"), store.read("auth")) == (TOKEN, KEY)


def test_another_one_that_was_written_meanwhile_fails_the_host(store: SecretStore) -> None:
    done = keep(between=lambda: store.write("token", "another"))
    assert done.failed
    assert done.errors[0].endswith("/token: another run has written it meanwhile: run again")
    assert store.read("token") == "another"


@pytest.mark.parametrize(
    ("data", "mode"), [(b"", 0o600), (b"x", 0o644), (b"\xff", 0o600), (None, 0o700)]
)
def test_a_file_that_cannot_be_used_is_a_sentence(
    store: SecretStore, data: bytes | None, mode: int
) -> None:
    path = store.path("token")
    path.parent.mkdir(parents=True)
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)
    path.chmod(mode)
    done = keep()
    assert done.failed
    assert done.errors[0].startswith(f"{path}: ")


def test_a_directory_that_cannot_be_written_is_a_sentence(
    store: SecretStore, tmp_path: Path
) -> None:
    (tmp_path / ".secrets").write_text("a file")
    done = keep()
    assert (done.failed, done.errors[0]) == (
        True, f"{store.path('token')}: cannot be written: Not a directory"
    )  # fmt: skip
