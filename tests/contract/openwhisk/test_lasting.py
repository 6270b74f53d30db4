"""What stays and what does not: restarts, wiping, limits, ends. Each test has its own stand-in."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from openwhisk_standin.couchdb.journal import Conflict, Database
from tests.contract.openwhisk.rig import MARKER, RUNTIMES, Platform, eventually, put, record
from tests.contract.openwhisk.test_actions import HELLO, call, refusal

WORDS = "function main() { return {pid: process.pid} }"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A stand-in whose roles are stopped and started; its invoker has room for two containers."""
    manifest = {**RUNTIMES["runtimes"], "nodejs": [{**RUNTIMES["runtimes"]["nodejs"][0]}]}
    del manifest["nodejs"][0]["stemCells"]
    platform = Platform(
        tmp_path_factory.mktemp("own"),
        RUNTIMES_MANIFEST=json.dumps({"runtimes": manifest}),
        CONFIG_whisk_containerPool_userMemory="512m",
    )
    yield platform
    platform.stop()


def test_actions_survive_restarts(own: Platform) -> None:
    with own.client() as guest:
        put(guest, "kept", HELLO)
        before = guest.get("/namespaces/_/actions/kept").json()
        own.restart("controller", "couchdb", "invoker", "kafka")
        own.wait_for_invoker()
        assert guest.get("/namespaces/_/actions/kept").json() == before
        assert call(guest, "kept").json() == {"payload": "Hello, World!"}


def test_a_store_that_was_killed_has_what_it_said(own: Platform) -> None:
    with own.client() as guest:
        put(guest, "sure", HELLO)
        own.roles["couchdb"].process.send_signal(signal.SIGKILL)
        own.roles["couchdb"].process.wait()
        journal = next((own.room / "couchdb").glob("test_whisks*"))
        with journal.open("ab") as half:
            half.write(b'{"_id":"guest/half"')
        down = guest.get("/namespaces/_/actions/sure")
        assert "unavailable" in refusal(down, 503)
        own.start("couchdb")
        assert guest.get("/namespaces/_/actions/sure").status_code == 200
        put(guest, "after", HELLO)
        names = {each["name"] for each in guest.get("/namespaces/_/actions").json()}
        assert {"sure", "after"} <= names
        assert "half" not in names


def test_init_couchdb_wipes_when_it_runs_again(own: Platform) -> None:
    with own.client() as guest:
        put(guest, "lost", HELLO)
        assert own.couchdb("GET", f"/{MARKER}").status_code == 200
        own.init_couchdb()
        assert refusal(guest.get("/namespaces/_/actions/lost"), 404)
        assert guest.get("/namespaces/_/actions").json() == []
        assert own.couchdb("GET", f"/{MARKER}").status_code == 200


def test_an_invoker_that_is_gone(own: Platform) -> None:
    with own.client() as guest:
        put(guest, "waits", HELLO)
        assert own.roles["invoker"].stop() == 0
        healthy = f"{own.api}/invokers/healthy/count"
        eventually(lambda: True if guest.get(healthy).json() == 0 else None, "an invoker's absence")
        assert "unavailable" in refusal(call(guest, "waits"), 503)
        own.start("invoker")
        own.wait_for_invoker()
        assert call(guest, "waits").status_code == 200


def test_containers_stay_within_the_memory(own: Platform) -> None:
    with own.client() as guest:
        pids = {}
        for name in ("first", "second", "third"):
            put(guest, name, WORDS)
            answer = call(guest, name)
            pids[name] = answer.json()["pid"]
            record(guest, answer.headers["x-openwhisk-activation-id"])
        assert call(guest, "third").json()["pid"] == pids["third"], "its container was kept"
        # Two containers of 256 MB fit into 512 MB: the third one took the place of the first.
        assert call(guest, "first").json()["pid"] != pids["first"]


def test_limits(own: Platform) -> None:
    own.settings["LIMITS_ACTIONS_INVOKES_CONCURRENT"] = "2"
    own.settings["LIMITS_ACTIONS_INVOKES_PERMINUTE"] = "12"
    own.restart("controller")
    own.wait_for_invoker()
    with own.client() as guest:
        put(guest, "endless", "function main() { return new Promise(() => {}) }")
        answers = [call(guest, "endless", query="") for _ in range(13)]
    assert [each.status_code for each in answers] == [202] * 2 + [429] * 11
    text = refusal(answers[2], 429)
    assert text == "Too many concurrent requests in flight (count: 2, allowed: 2)."
    text = refusal(answers[12], 429)
    assert text == "Too many requests in the last minute (count: 13, allowed: 12)."


def test_all_roles_end_when_told(own: Platform) -> None:
    for role in reversed(own.roles.values()):
        assert role.stop() == 0
        assert "ends, as it was told to" in role.log.read_text()


def test_a_journal_is_written_anew_when_most_of_it_is_old(tmp_path: Path) -> None:
    file = tmp_path / "db.journal"
    database = Database(file)
    revision = None
    for number in range(1100):
        revision = database.put("doc", {"n": number, "_rev": revision} if revision else {"n": 0})
    with pytest.raises(Conflict):
        database.put("doc", {"n": -1})
    database.close()
    again = Database(file)
    assert again.get("doc") == {"n": 1099, "_id": "doc", "_rev": revision}
    assert len(file.read_bytes().splitlines()) == 1
    assert again.delete("doc", revision) is not None
    again.close()
    assert Database(file).all() == []
