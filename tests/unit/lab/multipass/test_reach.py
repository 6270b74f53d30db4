"""Asking a machine by SSH, against a server that speaks it; and pyinfra's own way to instances."""

from __future__ import annotations

import errno
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL
from pyinfra.api.exceptions import InventoryError

from tests.unit.lab.multipass.rig import Lab
from whisklab.lab.common.guest.reach import Login, NotYet, Place, Reach, Stranger
from whisklab.lab.keys import host_key, user_key
from whisklab.lab.providers.multipass.connector import MultipassInventory
from whisklab.lab.state import paths

OPEN_SUCCEEDED = 0  # of SSH
HERE = "127.0.0.1"


class Machine(paramiko.ServerInterface):
    """Lets one key in, and answers every command by the command itself."""

    def __init__(self, key: str) -> None:
        self.key = key

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        fits = username == "lab" and self.key.split()[1] == key.get_base64()
        return AUTH_SUCCESSFUL if fits else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        def answer() -> None:
            channel.recv(1)  # the end of its input: by then the client knows that it was started
            channel.sendall(b"you said " + command)
            channel.send_exit_status(2)
            channel.close()

        threading.Thread(target=answer, daemon=True).start()
        return True


@dataclass
class Served:
    """A machine that is served: its port, and how it lets us in."""

    port: int
    login: Login


@contextmanager
def served(key: paramiko.PKey, login: Login, user: str) -> Iterator[Served]:
    """Serve a machine with a host key on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                transport = paramiko.Transport(connection)
                transport.add_server_key(key)
                transport.start_server(event=threading.Event(), server=Machine(user))

        threading.Thread(target=accept, daemon=True).start()
        yield Served(server.getsockname()[1], login)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[paramiko.PKey, Login, str]:
    """A host key, the login that knows it, and the user's public key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    there = paths("fern")
    user = user_key(there, "fern")
    private, public = host_key(there, "master")
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(private))
    return key, Login("lab", there.key, public), user


def test_a_machine_is_asked(own: tuple[paramiko.PKey, Login, str]) -> None:
    key, login, user = own
    with served(key, login, user) as machine:
        assert Reach().ask(Place(HERE, machine.port), login, "whoami") == "you said whoami"


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_another_host_key_is_a_stranger(own: tuple[paramiko.PKey, Login, str], kind: str) -> None:
    """Also one of another kind, of which nothing is known."""
    _, login, user = own
    private, _ = host_key(paths("fern"), "other")
    other: paramiko.PKey = paramiko.RSAKey.generate(2048)
    if kind == "ed25519":
        other = paramiko.Ed25519Key.from_private_key(io.StringIO(private))
    with (
        served(other, login, user) as machine,
        pytest.raises(Stranger, match="shows the host key SHA256:.*, and the machine's is SHA256"),
    ):
        Reach().ask(Place(HERE, machine.port), login, "true")


def test_who_does_not_let_us_in_is_not_ready(own: tuple[paramiko.PKey, Login, str]) -> None:
    key, login, _ = own
    with (
        served(key, login, "ssh-ed25519 AAAA somebody") as machine,
        pytest.raises(NotYet, match="lab is not let in by the lab's key"),
    ):
        Reach().ask(Place(HERE, machine.port), login, "true")


def test_nobody_there_is_not_ready(own: tuple[paramiko.PKey, Login, str]) -> None:
    _, login, _ = own
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NotYet):
        Reach().ask(Place(HERE, port), login, "true")


@pytest.mark.parametrize(
    ("platform", "number", "named"),
    [
        ("darwin", errno.EHOSTUNREACH, True),
        ("darwin", errno.ECONNREFUSED, False),
        ("linux", errno.EHOSTUNREACH, False),
    ],
)
def test_the_permission_of_macos_is_named(
    own: tuple[paramiko.PKey, Login, str],
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    number: int,
    named: bool,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "no route to host")

    monkeypatch.setattr(paramiko.SSHClient, "connect", refuse)
    monkeypatch.setattr("sys.platform", platform)
    with pytest.raises(NotYet) as caught:
        Reach().ask(Place(HERE), own[1], "true")
    assert ("System Settings, Privacy & Security, Local Network" in str(caught.value)) == named


def test_pyinfra_finds_instances(fern: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours with the lab's key and known host keys, others with the user's own."""
    up = fern.provider.up(fern.wish(), fern.report)
    other = {"state": "Running", "ipv4": ["10.42.0.1", "10.121.48.99"], "release": "",
             "snapshots": {}}  # fmt: skip
    fern.program.change(lambda data: data["instances"].update({"mine": other}))
    fern.program.state("fern-worker1", "Stopped")
    monkeypatch.setenv("PATH", str(fern.program.path.parent), prepend=":")
    found = {name: (data, groups) for name, data, groups in MultipassInventory.make_names_data()}
    assert set(found) == {f"@multipass/{name}" for name in ("fern-master", "fern-storage", "mine")}
    assert found["@multipass/mine"] == (
        {"ssh_hostname": "10.121.48.99", "ssh_user": "ubuntu"}, ["@multipass"],
    )  # fmt: skip
    data, groups = found["@multipass/fern-master"]
    assert groups == ["@multipass"]
    assert data == {
        "ssh_hostname": up.machines["master"].address,
        "ssh_user": "lab",
        "ssh_key": str(paths("fern").key),
        "ssh_known_hosts_file": str(paths("fern").known_hosts),
        "ssh_strict_host_key_checking": "yes",
    }
    (only,) = MultipassInventory.make_names_data("fern-storage")
    assert only[0] == "@multipass/fern-storage"
    for name, sentence in (
        ("fern-worker1", "no fern-worker1 that runs: it is stopped"),
        ("nobody", "no nobody that runs$"),
    ):
        with pytest.raises(InventoryError, match=sentence):
            list(MultipassInventory.make_names_data(name))
    fern.program.fault("list", "list failed: multipass socket access denied", times=9)
    with pytest.raises(InventoryError, match="refuses this user its socket"):
        list(MultipassInventory.make_names_data())
