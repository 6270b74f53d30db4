"""The way to a host behind a command or jump hosts is at the other end of a socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import paramiko
import pyinfra.connectors.sshuserclient.client as user_client
import pytest

from whisklab.engine.ssh import proxied, refusals
from whisklab.errors import BadInput

WITHIN = 30.0  # seconds
RSA = paramiko.RSAKey.generate(1024).get_base64()


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


def test_a_jump_asks_nobody_and_its_words_are_kept(capfd: pytest.CaptureFixture[str]) -> None:
    asks = 'echo "$SSH_ASKPASS_REQUIRE" >&2; (cat < /dev/tty) 2> /dev/null && echo a terminal >&2; '
    words = ["never", "Host key verification failed.", "Connection closed by UNKNOWN port 65535"]
    with proxied.jump(["sh", "-c", f"{asks} printf '%s\\n' '{words[1]}' '{words[2]}' >&2"]) as way:
        way.settimeout(WITHIN)
        assert way.recv(1) == b""
        assert way.said() == "Host key verification failed"
        way.told.seek(0)
        assert way.told.read().decode().splitlines() == words
    assert way.said() == "Host key verification failed"  # also of one that is closed
    way.told.close()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], ""),
        (["Welcome", "ssh: connect to host j port 22: Connection timed out", "closed"],
         "ssh: connect to host j port 22: Connection timed out"),
        (["channel 0: open failed: connect failed: No route to host", "stdio forwarding failed"],
         "channel 0: open failed: connect failed: No route to host"),
        (["me@j: Permission denied (publickey).", "Connection closed by UNKNOWN port 65535"],
         "me@j: Permission denied (publickey)"),
        (["Authorised use only", "", "Warning: Permanently added 'j'"], ""),  # no reason
    ],
)  # fmt: skip
def test_of_many_words_the_reason_counts(lines: list[str], told: str) -> None:
    assert proxied.reason(lines) == told


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("Host key verification failed",
         "is not reached through its jump host: Host key verification failed; a login there "),
        ("channel 0: open failed: connect failed: Connection refused",
         "does not answer: channel 0: open failed: connect failed: Connection refused; start it"),
        ("", "does not answer: Error reading SSH protocol banner; start it"),
    ],
)  # fmt: skip
def test_the_sentence_about_a_way(way: str, told: str) -> None:
    found = refusals.remedy(
        "Error reading SSH protocol banner", host="w1", address="10.0.0.1", user="u",
        known_hosts=None, way=way,
    )  # fmt: skip
    assert found.startswith(f"w1 (10.0.0.1) {told}")


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
    limits = ("-o", "BatchMode=yes", f"ConnectTimeout={proxied.EACH_WITHIN}")
    assert found[0] == "ssh"
    assert [each for each in found[1:] if each not in limits] == argv


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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What pyinfra's client is asked to connect to, and with what; nothing is connected."""
    found: list[dict[str, Any]] = []

    def connect(_: object, hostname: str, **given: Any) -> None:
        found.append({"hostname": hostname, **given})
        if hostname == "refused":
            raise OSError("refused")

    monkeypatch.setattr(user_client.SSHClient, "connect", connect)
    return found


def test_a_client_gets_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]
) -> None:
    opened: list[list[str]] = []
    ways: list[proxied.Way] = []

    def jump(argv: list[str]) -> proxied.Way:
        opened.append(argv)
        ways.append(proxied.Way())
        return ways[-1]

    monkeypatch.setattr(proxied, "jump", jump)
    file = tmp_path / "config"
    file.write_text(f"Host refused\n ProxyJump j\n{TWO} ProxyJump j\n")
    given = {"_pyinfra_ssh_config_file": str(file), "_pyinfra_ssh_known_hosts_file": "/none"}
    client = proxied.Client()
    client.connect("far", **given, port=2222, timeout=10)
    assert client.route is not None
    assert client.route.known_as == "[10.0.0.9]:2222"
    assert asked[0]["sock"] is ways[0]
    within = {asked[0][each] for each in ("timeout", "banner_timeout")}
    assert within == {proxied.WITHIN}  # for all hosts on the way
    assert opened == [proxied.through("j", "10.0.0.9", 2222, str(file))]
    client.connect("far", **given)  # each connection has one of its own
    assert opened[1] == proxied.through("j", "10.0.0.9", 7, str(file))
    with pytest.raises(OSError, match="refused"):
        client.connect("refused", **given)
    assert ways[2].fileno() == -1  # its command must not stay
    client.connect("near", **given, timeout=10)
    assert ("sock" in asked[3], asked[3]["timeout"]) == (False, 10)
    for way in ways:
        way.close()


def test_names_are_compared_as_known_hosts_has_them(
    tmp_path: Path, asked: list[dict[str, Any]]
) -> None:
    file = tmp_path / "config"
    file.write_text("Host Alias\n HostName Host.Example\n")
    assert proxied.route("Alias", None, None, str(file)).known_as == "host.example"
    assert proxied.route("H.Example", 22, None, str(tmp_path / "no")).known_as == "h.example"
    proxied.Client().connect("H.Example", _pyinfra_ssh_config_file=str(tmp_path / "no"))
    assert asked[0]["hostname"] == "h.example"


@pytest.mark.parametrize(
    "text",
    [
        "Host *\n Port ssh\n",
        "Match host a all\n",
        "Host *\n CanonicalizeHostname yes\n",
        "# \xfc\n",
    ],
)
def test_what_runs_cannot_read_is_a_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match=r"config: runs cannot read what it says of h \("):
        proxied.route("h", None, None, str(file))


@pytest.mark.parametrize("kinds", [[], ["ssh-ed25519"], ["ssh-rsa", "ssh-ed25519"]])
def test_other_kinds_of_keys_are_paramiko_s_to_order(kinds: list[str]) -> None:
    assert proxied.unwanted(kinds) == []


def test_of_a_host_known_by_rsa_no_other_kind_is_asked(
    tmp_path: Path, asked: list[dict[str, Any]]
) -> None:
    """ssh-rsa is no signature that sshd still offers, so paramiko would take the next kind."""
    known = tmp_path / "known_hosts"
    known.write_text(f"[h]:2222 ssh-rsa {RSA}\n")
    proxied.Client().connect("h", port=2222, _pyinfra_ssh_known_hosts_file=str(known))
    (left,) = [each["disabled_algorithms"]["keys"] for each in asked]
    assert "ssh-ed25519" in left
    assert not {"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"} & set(left)
    proxied.Client().connect("h", port=22, _pyinfra_ssh_known_hosts_file=str(known))
    assert asked[1]["disabled_algorithms"]["keys"] == []
