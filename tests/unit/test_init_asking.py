"""What `whisklab init` asks a person at a terminal, and what becomes of the answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from whisklab.cli import init
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.ssh.login import SUDO_PASSWORD
from whisklab.errors import BadInput

UNKNOWN: Sequence[Any] = [
    SimpleNamespace(given=name, key=SimpleNamespace(kind="ed25519", fingerprint=f"SHA256:{name}"))
    for name in ("one", "two")
]


def terminal(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Have somebody at the terminal who gives these answers."""
    given = iter(answers)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "prompt", lambda *_, **__: next(given))


def test_host_keys_are_shown_and_taken_by_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal(monkeypatch, "yes")
    init._compare(UNKNOWN)
    told = capsys.readouterr().err
    assert all(each.key.fingerprint in told for each in UNKNOWN)
    assert "ssh-keygen -lf" in told


@pytest.mark.parametrize("answer", ["no", "y", "Yes", "YES", " yes", ""])
def test_host_keys_are_not_taken_by_anything_else(
    monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    terminal(monkeypatch, answer)
    with pytest.raises(BadInput, match="no host key was taken, and nothing was written"):
        init._compare(UNKNOWN)


def test_without_a_terminal_each_is_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(BadInput) as caught:
        init._compare(UNKNOWN)
    assert "2 host keys are unknown" in str(caught.value)
    assert "--fingerprint SHA256:one --fingerprint SHA256:two" in str(caught.value)


def test_the_password_of_sudo_goes_into_its_file_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal(monkeypatch, "not to be seen")
    init._ask_password("mine")
    path = SecretStore(Path(".secrets/mine")).path(SUDO_PASSWORD)
    assert (path.read_text().strip(), path.stat().st_mode & 0o777) == ("not to be seen", 0o600)
    assert [each.name for each in path.parent.iterdir()] == [SUDO_PASSWORD]
    assert "not to be seen" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("given", ["192.168.0.0/33", "192.168.0.1/24", "here"])
def test_a_network_that_is_none_is_refused(given: str) -> None:
    with pytest.raises(BadInput, match=f"--network {given}: expected a network such as"):
        init._network(given)


def test_a_network_may_be_left_out() -> None:
    assert init._network(None) is None
    assert str(init._network("192.168.0.0/16")) == "192.168.0.0/16"
