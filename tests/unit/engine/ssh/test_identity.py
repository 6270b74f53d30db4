"""A key that needs a passphrase is used by the agent that has it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from whisklab.engine.ssh.identity import Locked, in_agent, locked

FORMS = [("-t", "ed25519"), ("-t", "rsa"), ("-t", "ecdsa"), ("-t", "rsa", "-m", "PEM")]


def made(path: Path, *form: str, passphrase: str) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", *form, "-N", passphrase, "-f", path], check=True, capture_output=True
    )
    return path


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An agent without keys; its socket."""
    socket = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()  # it listens
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    yield socket
    process.terminate()
    process.wait()


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_the_agents_key_for_a_file(tmp_path: Path, agent: Path, form: tuple[str, ...]) -> None:
    assert agent.exists()
    key = made(tmp_path / "key", *form, passphrase="")
    assert locked(key) is None
    encrypted = tmp_path / "encrypted"
    encrypted.write_bytes(key.read_bytes())
    encrypted.chmod(0o600)
    change = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", *form[2:], "-f", str(encrypted)]
    subprocess.run(change, check=True, capture_output=True)
    found = locked(encrypted)
    assert found is not None
    assert in_agent(found) is None
    for each in (made(tmp_path / "other", "-t", "ed25519", passphrase=""), key):
        subprocess.run(["ssh-add", "-q", each], check=True, capture_output=True)
    used = in_agent(found)
    assert used is not None
    public = (tmp_path / "key.pub").read_text()
    if found.public is None:  # PEM does not tell it
        (tmp_path / "encrypted.pub").write_text(public)
        used = in_agent(locked(encrypted) or found)
        assert used is not None
    assert used.get_base64() == public.split()[1]


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN OPENSSH PRIVATE KEY-----\n!\n", "ü"])
def test_what_is_no_key_is_not_locked(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    assert locked(tmp_path / "key") is None
    assert locked(tmp_path / "none") is None


def test_without_an_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert in_agent(Locked(None)) is None
