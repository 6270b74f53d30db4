"""The way to a host behind a command or jump hosts is at the other end of a socket."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyinfra.connectors.sshuserclient.client as user_client
import pytest

from whisklab.engine import proxied, refusals

WITHIN = 30.0  # seconds


def test_what_is_sent_comes_back_in_order() -> None:
    with proxied.connect("cat") as found:
        found.settimeout(WITHIN)
        for size in (1, 10, 100_000):
            sent = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            found.sendall(sent)
            got = b""
            while len(got) < size:
                got += found.recv(4096)
            assert got == sent


def test_it_ends_with_the_socket(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    found = proxied.connect(f"sh -c 'cat; echo $$ > {ended}'")
    found.sendall(b"a")
    assert found.recv(1) == b"a"
    found.shutdown(1)
    found.settimeout(WITHIN)
    assert found.recv(1) == b""  # the command has ended, and with it its end of the socket
    assert ended.read_text()
    found.close()


def test_no_such_program_is_the_end() -> None:
    with proxied.connect("/nonexistent/program 2>/dev/null") as found:
        found.settimeout(WITHIN)
        assert found.recv(1) == b""


def test_a_jump_asks_nobody_and_its_last_word_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    asks = 'echo "$SSH_ASKPASS_REQUIRE" >&2; (cat < /dev/tty) 2> /dev/null && echo a terminal >&2; '
    with proxied.jump(["sh", "-c", f"{asks} echo 'Host key verification failed.' >&2"]) as way:
        way.settimeout(WITHIN)
        assert way.recv(1) == b""
        assert way.said() == "Host key verification failed."
        way.told.seek(0)
        assert way.told.read().splitlines() == [b"never", b"Host key verification failed."]
        assert proxied.said(SimpleNamespace(_ssh_config={"sock": way})) == way.said()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("client", [None, object(), SimpleNamespace(_ssh_config={})])
def test_a_direct_way_says_nothing(client: object) -> None:
    assert proxied.said(client) == ""


def test_the_sentence_about_a_jump_host() -> None:
    told = refusals.remedy(
        "Error reading SSH protocol banner", host="w1", address="10.0.0.1", user="u",
        known_hosts=None, way="Host key verification failed.",
    )  # fmt: skip
    assert told.startswith(
        "w1 (10.0.0.1) is not reached through its jump host: Host key verification failed; "
    )


@pytest.mark.parametrize(
    ("hops", "config", "argv"),
    [
        ("jump", None, ["-W", "[h]:22", "--", "ssh://jump"]),
        ("me@jump:2222", "/c", ["-F", "/c", "-W", "[h]:22", "--", "ssh://me@jump:2222"]),
        ("a, ssh://b:1 ,c", None, ["-J", "a,ssh://b:1", "-W", "[h]:22", "--", "ssh://c"]),
        ("[::1]:22", None, ["-W", "[h]:22", "--", "ssh://[::1]:22"]),
    ],
)
def test_jump_hosts_are_openssh_s_to_reach(hops: str, config: str | None, argv: list[str]) -> None:
    found = proxied.through(hops, "h", 22, config)
    assert found[0] == "ssh"
    assert [each for each in found[1:] if each not in ("-o", "BatchMode=yes")] == argv


TWO = "Host far\n HostName 10.0.0.9\n Port 7\n User file\n"


@pytest.mark.parametrize(
    ("lines", "way"),
    [
        ("", None),
        ("ProxyJump j", ("proxyjump", "j")),
        ("ProxyJump none", None),
        ("ProxyCommand none", None),
        ("ProxyCommand nc %h %p %r", ("proxycommand", "nc 10.0.0.9 2222 me")),
        ("ProxyJump j\n ProxyCommand c", ("proxyjump", "j")),
        ("ProxyCommand c\n ProxyJump j", ("proxycommand", "c")),
        ("ProxyJump none\nHost *\n ProxyCommand c", None),  # the first one holds
    ],
)
def test_the_way_of_an_ssh_config(tmp_path: Path, lines: str, way: tuple[str, str] | None) -> None:
    """Port and user are the inventory's, which win over the file."""
    file = tmp_path / "config"
    file.write_text(f"{TWO} {lines}\n")
    config: Any = proxied.Config()
    with file.open() as text:
        config.parse(text)
    assert config.way("far", 2222, "me") == way
    assert not {proxied.COMMAND, proxied.JUMP} & set(config.lookup("far"))
    assert (config.lookup("far")["port"], config.lookup("far")["user"]) == ("7", "file")


def test_a_client_gets_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[list[str]] = []
    ours, theirs = socket.socketpair()

    def jump(argv: list[str]) -> Any:
        opened.append(argv)
        return ours

    monkeypatch.setattr(proxied, "jump", jump)
    monkeypatch.setattr(user_client, "SSHConfig", proxied.Config)
    file = tmp_path / "config"
    file.write_text(f"{TWO} ProxyJump j\n")
    client = proxied.Client()
    hostname, config, *_ = client.parse_config("far", {"port": 2222}, str(file))
    assert (hostname, config["sock"]) == ("10.0.0.9", ours)
    assert client.place == ("10.0.0.9", 2222)
    assert opened == [proxied.through("j", "10.0.0.9", 2222, str(file))]
    proxied.Client().parse_config("far", {}, str(file))  # each connection has one of its own
    assert opened[1] == proxied.through("j", "10.0.0.9", 7, str(file))
    assert "sock" not in proxied.Client().parse_config("near", {}, str(file))[1]
    ours.close()
    theirs.close()
