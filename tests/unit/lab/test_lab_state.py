"""The user's side: keys, lab.json, inventories, asking root, the catalogue, locks."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab import catalogue, inventory, keys, state, status
from whisklab.lab.common.lock import locked
from whisklab.lab.common.machine import Machine
from whisklab.lab.common.process import boot_id
from whisklab.lab.providers.nspawn import root


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def lab(**changes: object) -> state.Lab:
    """A lab of two hosts, saved."""
    state.paths("x").top.mkdir(parents=True, exist_ok=True)
    one = Machine("m", ("masters",), IPv4Address("10.77.0.11"), (22, 6443))
    two = Machine("s", ("storage", "registry"), IPv4Address("10.77.0.12"))
    master = state.Host(one, "127.0.0.1", 40001, {"6443": 40002})
    both = state.Host(two, "127.0.0.1", 40003, {})
    values: dict[str, object] = {
        "name": "x",
        "provider": "nspawn",
        "user": "lab",
        "key": "/k",
        "known_hosts": "/kh",
        "catalogue": "/c.yaml",
        "running": True,
        "boot_id": boot_id(),
        "hosts": [master, both],
        **changes,
    }
    made = state.Lab(**values)  # type: ignore[arg-type]
    state.save(made)
    return made


def test_a_lab_reads_back_as_it_was_saved() -> None:
    assert state.load("x") is None
    saved = lab()
    assert state.load("x") == saved
    assert state.paths("x").lab.stat().st_mode & 0o777 == 0o600


def test_a_damaged_lab_is_told() -> None:
    lab()
    state.paths("x").lab.write_text('{"name": "x", "hosts": []}')
    with pytest.raises(BadInput, match="is damaged"):
        state.load("x")


def test_groups_for_an_inventory() -> None:
    lab()
    groups = inventory.groups("x")
    assert list(groups) == ["masters", "workers", "storage", "registry"]
    assert groups["workers"] == []
    assert groups["storage"] == groups["registry"]
    assert groups["masters"] == [
        (
            "m",
            {
                "ssh_hostname": "127.0.0.1",
                "ssh_port": 40001,
                "ssh_user": "lab",
                "ssh_key": "/k",
                "ssh_known_hosts_file": "/kh",
                "ssh_strict_host_key_checking": "yes",
                "node_address": "10.77.0.11",
                "catalogue": "/c.yaml",
                "api_address": "127.0.0.1:40002",
            },
        )
    ]


def test_with_upstream_the_environments_own_catalogue_counts() -> None:
    lab(catalogue="upstream")
    assert "catalogue" not in inventory.groups("x")["masters"][0][1]


@pytest.mark.parametrize("change", [{"running": False}, {"boot_id": "of another boot"}])
def test_a_lab_that_is_not_up(change: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="lab 'x' is not up: run `whisklab up x`"):
        inventory.groups("x")
    lab(**change)
    with pytest.raises(BadInput, match="lab 'x' is not up: run `whisklab up x`"):
        inventory.groups("x")


def test_keys_are_made_once_and_only_for_their_owner() -> None:
    paths = state.paths("x")
    public = keys.user_key(paths, "x")
    assert public.startswith("ssh-ed25519 ")
    assert keys.user_key(paths, "x") == public
    assert paths.key.stat().st_mode & 0o777 == 0o600
    told = subprocess.run(
        ["ssh-keygen", "-y", "-f", paths.key], check=True, capture_output=True, text=True
    )
    assert told.stdout.split()[:2] == public.split()[:2]
    private, shown = keys.host_key(paths, "a")
    assert "OPENSSH PRIVATE KEY" in private
    key = " ".join(shown.split()[:2])
    assert keys.known_hosts_line("127.0.0.1", 40001, shown) == f"[127.0.0.1]:40001 {key}\n"
    assert keys.known_hosts_line("10.1.0.7", 22, shown) == f"10.1.0.7 {key}\n"


def test_ssh_takes_only_the_known_key() -> None:
    argv = status.ssh_command(lab(), "m", ["uname", "-a"])
    assert argv[-4:] == ["--", "lab@127.0.0.1", "uname", "-a"]
    assert "StrictHostKeyChecking=yes" in argv
    with pytest.raises(BadInput, match="has no host 'z'; it has m, s"):
        status.ssh_command(lab(), "z", [])


def test_how_root_is_asked() -> None:
    as_root = root.command("up", system="linux", is_root=True, sudo=None)
    assert as_root[0] == "env"
    assert root.command("up", system="linux", is_root=False, sudo="/usr/bin/sudo") == [
        "sudo",
        "--",
        *as_root,
    ]
    for system, is_root, needs in (("darwin", True, "Linux"), ("linux", False, "root or sudo")):
        with pytest.raises(WhisklabError, match=rf"needs {needs}.*inventories/example\.py"):
            root.command("up", system=system, is_root=is_root, sudo=None)


def test_what_root_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*events: dict[str, object], code: int = 0) -> None:
        text = "\n".join(json.dumps(event) for event in events)
        argv = ["sh", "-c", 'cat >/dev/null; printf "%s\n" "$1"; exit "$2"', "sh", text, str(code)]
        monkeypatch.setattr(root, "command", lambda *_, **__: argv)

    heard: list[str] = []
    answer({"event": "progress", "value": "one"}, {"event": "result", "value": {"a": 1}})
    assert root.ask("up", {}, heard.append) == {"a": 1}
    assert heard == ["one"]
    answer({"event": "error", "value": {"message": "no", "exit_code": 2}}, code=2)
    with pytest.raises(BadInput, match="^no$"):
        root.ask("up", {}, heard.append)
    answer({"event": "progress", "value": "two"}, code=3)
    with pytest.raises(WhisklabError, match="ended with exit code 3"):
        root.ask("up", {}, heard.append)


CATALOGUE = "k3s: {default: v1, versions: {v1: {k3s: {amd64: {url: 'https://x.test/k3s'}}}}}"


def test_the_catalogue_is_chosen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    answers = True

    def reachable(url: str) -> bool:
        asked.append(url)
        return answers

    def choose(
        wish: str, before: str | None, internet: catalogue.Internet = "auto"
    ) -> tuple[str, bool, str]:
        choice = catalogue.choose(wish, before, internet)
        return catalogue.made(choice, print), choice.internet, choice.why

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "_standins", lambda _: "/built.yaml")
    monkeypatch.setattr(catalogue, "reachable", reachable)
    no_file = "there is no files/catalogue.yaml here"
    assert choose("auto", None) == ("/built.yaml", False, no_file)
    assert choose("auto", None, internet=True) == ("/built.yaml", True, no_file)
    (tmp_path / "files").mkdir()
    (tmp_path / "files/catalogue.yaml").write_text(CATALOGUE)
    assert choose("auto", None, internet=False)[:2] == ("/built.yaml", False)
    assert asked == []
    out = "it answers, so the hosts have a way out"
    assert choose("auto", None) == ("upstream", True, out)
    assert choose("auto", None, internet=True) == ("upstream", True, "it answers")
    assert asked == ["https://x.test/k3s"] * 2
    assert choose("auto", "upstream") == ("upstream", True, "as before")
    assert choose("auto", "upstream", internet=False) == ("upstream", False, "as before")
    assert choose("auto", "/built.yaml") == ("/built.yaml", False, "as before")
    assert choose("auto", "/built.yaml", internet=True) == ("/built.yaml", True, "as before")
    assert choose("upstream", "/built.yaml") == ("upstream", True, "as asked for")
    assert choose("standins", "upstream") == ("/built.yaml", False, "as asked for")
    assert len(asked) == 2
    answers = False
    assert choose("auto", None) == ("/built.yaml", False, "upstream does not answer")
    assert choose("auto", None, internet=True)[:2] == ("/built.yaml", True)


@pytest.mark.parametrize("text", ["", "k3s: 1", "k3s: {default: a, versions: {}}", "{"])
def test_what_is_no_catalogue_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_text(text)
    with pytest.raises(BadInput, match="no catalogue with a source of k3s"):
        catalogue.first_source(file)


def test_nobody_answers_on_a_closed_port() -> None:
    assert not catalogue.reachable("http://127.0.0.1:9/k3s", seconds=1.0)


def test_a_name_server_that_is_silent_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver tries on for 10 s and more, and httpx has no limit for it."""
    silent = "import pathlib, socket, time\n\ndef silent(*_, **__):\n"
    told = f"    pathlib.Path({str(tmp_path / 'asked')!r}).touch(); time.sleep(600)\n"
    (tmp_path / "sitecustomize.py").write_text(f"{silent}{told}\nsocket.getaddrinfo = silent\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before = set(threading.enumerate())  # other tests of this worker may have left theirs
    assert not catalogue.reachable("http://upstream.test/k3s", seconds=3.0)
    assert (tmp_path / "asked").exists()
    assert set(threading.enumerate()) <= before  # none that searches on


def test_somebody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        answers = [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
                   b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]  # fmt: skip

        def serve() -> None:
            for answer in answers:
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/k3s"
        assert [catalogue.reachable(url) for _ in answers] == [True, False]
        serving.join()


@pytest.mark.parametrize("internet", [True, False])
@pytest.mark.parametrize("upstream", [True, False])
def test_what_jobs_fetch_is_brought_to_them_unless_they_can(
    *, internet: bool, upstream: bool
) -> None:
    assert inventory.closed("x")  # there is no such lab
    lab(internet=internet, catalogue="upstream" if upstream else "/c.yaml")
    assert inventory.closed("x") is not (internet and upstream)


def test_a_lab_of_before_the_way_out_was_written_down_is_read() -> None:
    lab(internet=True)
    file = state.paths("x").lab
    data = json.loads(file.read_text())
    del data["internet"]
    file.write_text(json.dumps(data))
    read = state.load("x")
    assert read is not None
    assert not read.internet


def test_the_second_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    told = threading.Event()
    order: list[str] = []

    def second() -> None:
        def report(text: str) -> None:
            order.append(text)
            told.set()

        with locked("lab-x", report, tmp_path):
            order.append("second")

    with locked("lab-x", order.append, tmp_path):
        thread = threading.Thread(target=second)
        thread.start()
        assert told.wait(30)
        order.append("first")
    thread.join(30)
    assert "waiting for another whisklab (process" in order[0]
    assert order[1:] == ["first", "second"]


def test_a_lock_that_its_holder_removed_is_taken_anew(tmp_path: Path) -> None:
    """As `down` does: whoever has waited must not go on with a lock that nobody else sees."""
    waiting = threading.Event()
    inside = threading.Event()
    leave = threading.Event()

    def second() -> None:
        with locked("lab-x", lambda _: waiting.set(), tmp_path) as path:
            assert path.exists()
            inside.set()
            assert leave.wait(30)

    thread = threading.Thread(target=second)
    with locked("lab-x", print, tmp_path) as path:
        thread.start()
        assert waiting.wait(30)
        path.unlink()
    assert inside.wait(30)
    told: list[str] = []
    threading.Timer(0.1, leave.set).start()
    with locked("lab-x", told.append, tmp_path):
        assert len(told) == 1
    thread.join(30)
