"""What a node's own shell and curl learn of a registry before k3s is restarted for it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.contract.registry.doors import Doors
from tests.contract.registry.harbor import Account, Harbor
from whisklab.engine.registries import asking
from whisklab.engine.registries.access import Access
from whisklab.engine.registries.secrets import PULLER

ROBOT, PASSWORD = "robot$lab+pull", 'a"b\\c $d'


@pytest.fixture
def harbor(doors: Doors) -> Iterator[Harbor]:
    made = Harbor(doors)
    made.projects |= {"lab", "closed"}
    made.accounts = {ROBOT: Account(PASSWORD, {"lab": {"pull"}})}
    yield made
    made.close()


def access(harbor: Harbor, **more: Any) -> Access:
    given: dict[str, Any] = {
        "address": harbor.address, "account": ROBOT, "password": PASSWORD,
        "authority": harbor.doors.ca.read_text(), "project": "lab", "theirs": True,
    }  # fmt: skip
    return Access(**{**given, **more})


def asked(access: Access, *urls: str, proxy: str | None = None) -> list[str]:
    """As `asking.answers`, on this machine."""
    told = "".join(f"{line}\n" for line in asking.told(access, proxy))
    done = subprocess.run(
        ["sh", "-c", asking.command(*(urls or asking.pulls(access))).get_raw_value()],
        input=told, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return [line.strip() for line in done.stdout.splitlines()]


@pytest.mark.parametrize("basic", [False, True])
@pytest.mark.parametrize("project", ["lab", "lab/team", ""])
def test_who_may_pull_is_let_in(harbor: Harbor, project: str, *, basic: bool) -> None:
    harbor.front.basic = basic
    wanted = access(harbor, project=project)
    found = asked(wanted)
    assert found == (["401", "200", "404"] if project else ["401", "200"])
    assert asking.amiss(wanted, found[1:]) is None


def test_tokens_of_another_host_and_of_another_form(harbor: Harbor) -> None:
    elsewhere = Harbor(harbor.doors)
    elsewhere.accounts, elsewhere.tokens = harbor.accounts, harbor.tokens
    harbor.front.realm = f"https://localhost:{elsewhere.port}/service/token?of=lab"
    try:
        assert asked(access(harbor))[1:] == ["200", "404"]
    finally:
        elsewhere.close()
    assert harbor.given == 0


def _wrong(harbor: Harbor) -> Access:
    return access(harbor, password="wrong")  # noqa: S106


def _unencrypted(harbor: Harbor) -> Access:
    harbor.front.realm = "http://127.0.0.1:1/service/token"
    return access(harbor)


REFUSED: dict[str, tuple[Callable[[Harbor], Access], int, str]] = {
    "password": (_wrong, 0, "401"),
    "nobody": (lambda harbor: access(harbor, account=""), 1, "401"),
    "project": (lambda harbor: access(harbor, project="none"), 1, "401"),
    "right": (lambda harbor: access(harbor, project="closed"), 1, "401"),
    "unencrypted": (_unencrypted, 0, "401"),
    "authority": (lambda harbor: access(harbor, authority=None), 0, "000"),
    "silence": (lambda harbor: access(harbor, address="127.0.0.1:1"), 0, "000"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_who_may_not_is_told_where_it_ends(harbor: Harbor, kind: str) -> None:
    make, which, status = REFUSED[kind]
    wanted = make(harbor)
    found = asked(wanted)
    assert len(found) == 1 + len(asking.pulls(wanted))
    url, answer = asking.amiss(wanted, found[1:]) or ("", "")
    assert url == asking.pulls(wanted)[which].removesuffix("/v2/")
    assert answer.endswith(status)
    assert (answer == status) is (status == "401")  # else curl says why
    assert PASSWORD not in " ".join(found)


def test_our_own(doors: Doors) -> None:
    ours = Access(
        f"127.0.0.1:{doors.pull.port}", PULLER, doors.known.passwords[PULLER], doors.ca.read_text()
    )
    pull, push = (f"{doors.url(door)}/v2/" for door in (doors.pull, doors.push))
    assert asked(ours, pull, push) == ["401", "200", "401"]
    assert asking.amiss(ours, asked(ours)[1:]) is None


def test_it_is_asked_through_the_proxy_of_the_node(
    harbor: Harbor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And through no other, whatever the shell's environment says."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = f"http://me:hunter2@127.0.0.1:{listener.getsockname()[1]}"
        heard: list[bytes] = []

        def refuse() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        heard.append(connection.recv(65536))
                        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        found = asked(access(harbor), proxy=proxy)
        monkeypatch.setenv("https_proxy", proxy)
        asks = len(heard)
        direct = asked(access(harbor))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert direct[1:] == ["200", "404"]
    assert len(heard) == asks > 0
    assert all(each.startswith(f"CONNECT {harbor.address} ".encode()) for each in heard)
    assert all(each.endswith("000") and "hunter2" not in each for each in found)


def test_nothing_secret_is_in_an_argv_or_stays(
    harbor: Harbor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each program that gets arguments notes them."""
    real, noted, temporary = shutil.which("curl"), tmp_path / "noted", tmp_path / "tmp"
    temporary.mkdir()
    (tmp_path / "bin").mkdir()
    curl = tmp_path / "bin/curl"
    curl.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {noted}\nexec {real} "$@"\n')
    curl.chmod(0o755)
    monkeypatch.setenv("PATH", str(curl.parent), prepend=":")
    monkeypatch.setenv("TMPDIR", str(temporary))
    assert asked(access(harbor))[1:] == ["200", "404"]
    arguments = noted.read_text()
    assert "/service/token" in arguments
    assert not any(each in arguments for each in (PASSWORD, "b\\c", *harbor.tokens))
    assert not list(temporary.iterdir())
