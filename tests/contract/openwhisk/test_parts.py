"""The parts one by one: the doubles' probes, the store's paths, the jobs' programs."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from openwhisk_standin.calls import Caller
from openwhisk_standin.controller.balancer import Balancer
from openwhisk_standin.couchdb.query import BadQuery, find
from openwhisk_standin.manifest import Manifest
from openwhisk_standin.proxy import Settings
from openwhisk_standin.values import BadSetting, megabytes, milliseconds, ordinal
from openwhisk_standin.web import Request, Response, Server, as_json
from tests.contract.openwhisk.rig import (
    DB_PASSWORD,
    DB_USER,
    GUEST,
    RUNTIMES,
    SERVER,
    Platform,
    Role,
    put,
)
from tests.contract.openwhisk.test_actions import HELLO, call
from tests.e2e.cluster.waiting import until

PAGES = {
    "apigateway": ("/v1/health-check", "{}"),
    "alarmprovider": ("/ping", "pong"),
    "kafkaprovider": ("/ping", "pong"),
    "scheduler": ("/ping", "pong"),
    "etcd": ("/health", '{"health":"true"}'),
    "user-events": ("/ping", "pong"),
    "prometheus": ("/-/healthy", "Prometheus is Healthy."),
    "grafana": ("/api/health", '{"database":"ok"}'),
}


def asked(port: int, word: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as there:
        there.sendall(word)
        return there.recv(64)


@pytest.mark.parametrize("role", PAGES)
def test_doubles_become_ready(tmp_path: Path, role: str) -> None:
    double = Role(tmp_path, role, ["--port", "0"], {})
    path, text = PAGES[role]
    assert httpx.get(f"http://127.0.0.1:{double.port}{path}").text == text
    other = httpx.get(f"http://127.0.0.1:{double.port}/other")
    assert (other.status_code, role in other.text) == (404, True)
    assert double.stop() == 0
    assert "stand-in for OpenWhisk, not the real one" in double.log.read_text()


def test_zookeeper_and_redis(tmp_path: Path) -> None:
    zookeeper = Role(tmp_path, "zookeeper", ["--port", "0"], {})
    redis = Role(tmp_path, "redis", ["--port", "0"], {})
    assert asked(zookeeper.port, b"ruok\n") == b"imok"
    assert asked(redis.port, b"PING\r\n") == b"+PONG\r\n"
    busybox = shutil.which("busybox")
    if busybox:  # as the chart's init container asks
        argv = [busybox, "nc", "-w", "1", "127.0.0.1", str(zookeeper.port)]
        done = subprocess.run(argv, input=b"ruok\n", capture_output=True, timeout=10, check=False)
        assert done.stdout == b"imok"
    assert zookeeper.stop() == redis.stop() == 0


def test_a_role_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="COUCHDB_USER is needed"):
        Role(tmp_path, "couchdb", ["--port", "0", "--data", str(tmp_path)], {})
    with pytest.raises(AssertionError, match="no default nodejs kind"):
        Role(tmp_path, "controller", [], {**store_env(), "RUNTIMES_MANIFEST": '{"runtimes": {}}'})
    env = {"RUNTIMES_MANIFEST": json.dumps(RUNTIMES), "CONFIG_whisk_memory_std": "64m"}
    with pytest.raises(AssertionError, match="memory: the usual 64 is not within 128 and 512"):
        Role(tmp_path, "controller", [], {**store_env(), **env})


def store_env() -> dict[str, str]:
    names = ("protocol", "host", "port", "username", "password")
    return {f"CONFIG_whisk_couchdb_{name}": "x" for name in names}


def test_the_store(whisk: Platform) -> None:
    assert whisk.couchdb("GET", "/_up").json() == {"status": "ok"}
    url = f"http://127.0.0.1:{whisk.roles['couchdb'].port}"
    for path in ("/test_whisks", "/test_whisks/_all_docs", "/_all_dbs"):
        assert httpx.get(url + path).status_code == 401
    assert httpx.get(f"{url}/_utils").status_code == 200
    with httpx.Client(base_url=url, auth=(DB_USER, DB_PASSWORD)) as store:
        assert store.put("/mine").status_code == 201
        assert store.put("/mine").status_code == 412
        assert "mine" in store.get("/_all_dbs").json()
        first = store.put("/mine/a%2Fb", json={"n": 1})
        assert first.status_code == 201
        assert store.put("/mine/a%2Fb", json={"n": 2}).status_code == 409
        revision = first.json()["rev"]
        assert store.get("/mine/a%2Fb").json() == {"_id": "a/b", "_rev": revision, "n": 1}
        store.put("/mine/c", json={"n": 3})
        rows = store.get("/mine/_all_docs", params={"include_docs": "true"}).json()["rows"]
        assert [row["doc"]["n"] for row in rows] == [1, 3]
        query = {"startkey": '"b"', "descending": "true"}
        assert [row["id"] for row in store.get("/mine/_all_docs", params=query).json()["rows"]] == [
            "c"
        ]
        assert store.delete("/mine/a%2Fb").status_code == 409
        assert store.delete(f"/mine/a%2Fb?rev={revision}").status_code == 200
        assert store.get("/mine/a%2Fb").status_code == 404
        assert store.delete("/mine").status_code == 200
        assert store.get("/mine").status_code == 404


def test_queries() -> None:
    docs = [{"n": n, "tags": [{"k": n % 2}]} for n in range(5)]
    found = find(docs, {"selector": {"n": {"$gte": 1, "$lt": 4}}, "sort": [{"n": "desc"}]})
    assert [each["n"] for each in found] == [3, 2, 1]
    odd = {"selector": {"tags": {"$elemMatch": {"k": 1}}}, "limit": 1, "skip": 1, "fields": ["n"]}
    assert find(docs, odd) == [{"n": 3}]
    with pytest.raises(BadQuery, match="regex"):
        find(docs, {"selector": {"n": {"$regex": "x"}}})


def test_wskadmin(whisk: Platform) -> None:
    env = {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(whisk.roles["couchdb"].port),
        "DB_USERNAME": DB_USER,
        "DB_PASSWORD": DB_PASSWORD,
        "DB_WHISK_AUTHS": "test_subjects",
    }
    assert whisk.job("wskadmin", "user", "get", "guest", **env) == f"{GUEST}\n"
    key = whisk.job("wskadmin", "user", "create", "tenant", **env).strip()
    with whisk.client(key) as tenant:
        assert tenant.get("/namespaces").json() == ["tenant"]
        put(tenant, "own", HELLO)
        assert call(tenant, "own").status_code == 200
        assert tenant.get("/namespaces/guest/actions").status_code == 403
        listed = whisk.job("wskadmin", "user", "list", **env).split()
        assert set(listed) == {"guest", "tenant", "whisk.system"}
        whisk.job("wskadmin", "user", "delete", "tenant", **env)
        assert tenant.get("/namespaces").status_code == 401


def dead(process: int) -> bool:
    """Whether all of it has ended, also when nobody has asked how yet (a zombie).

    The first thread may be a zombie while others still end: they keep the sockets until then.
    """
    proc = Path(f"/proc/{process}")
    try:
        threads = [each.name for each in (proc / "task").iterdir()]
        state = (proc / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z" and threads == [str(process)]


def test_a_container_that_is_gone(whisk: Platform, guest: httpx.Client) -> None:
    put(guest, "pid", "function main() { return {pid: process.pid} }")
    first = call(guest, "pid").json()["pid"]
    assert call(guest, "pid").json()["pid"] == first
    subprocess.run(["kill", "-KILL", str(first)], check=True)
    until("it is dead", lambda: dead(first))  # until then its socket still takes connections
    second = call(guest, "pid")
    assert second.status_code == 200, "another container took its place"
    assert second.json()["pid"] != first


def test_values() -> None:
    assert [megabytes(text) for text in ("256m", "256 MB", "1g", "2048m", "0m")] == [
        256,
        256,
        1024,
        2048,
        0,
    ]
    texts = ("100ms", "5m", "1 minute", "20 seconds", "250 milliseconds")
    assert [milliseconds(text) for text in texts] == [100, 300_000, 60_000, 20_000, 250]
    assert [ordinal(name) for name in ("owdev-invoker-3", "laptop")] == [3, 0]
    for wrong in ("much", "-1m", ""):
        with pytest.raises(BadSetting):
            megabytes(wrong)
        with pytest.raises(BadSetting):
            milliseconds(wrong)


def test_a_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    chart = SERVER.parent / "chart" / "runtimes.json"
    monkeypatch.setenv("RUNTIMES_MANIFEST", chart.read_text())
    found = Manifest.from_environment()
    default = found.resolve("nodejs:default")
    assert default is not None
    assert default.image == "openwhisk/action-nodejs-v14:1.20.0"
    assert found.resolve("cobol:default") is None
    for wrong in ("{", "{}", json.dumps({"runtimes": {"nodejs": [{}]}})):
        monkeypatch.setenv("RUNTIMES_MANIFEST", wrong)
        with pytest.raises(BadSetting, match="RUNTIMES_MANIFEST"):
            Manifest.from_environment()


def test_a_configuration_of_nginx() -> None:
    with pytest.raises(BadSetting, match="controllers"):
        Settings.read("server { listen 80; }")
    plain = Settings.read("upstream controllers { server c:8080; }\nserver {\n listen 80;\n}")
    assert (plain.controller, plain.plain, plain.secure) == ("http://c:8080", 80, None)


def test_an_invoker_whose_test_was_lost_is_tested_again() -> None:
    """It ended with the test, or the broker did: nobody will answer that one."""
    sent: list[dict[str, Any]] = []

    def broker(request: Request) -> Response:
        sent.append(json.loads(request.body))
        return as_json({"offset": len(sent)})

    def test_action() -> dict[str, Any]:
        action = {"limits": {"timeout": 60000, "memory": 128}}
        return {"activationId": f"test{len(sent)}", "namespace": "whisk.system", "action": action}

    server = Server("127.0.0.1", 0, broker)
    server.serve_quietly()
    try:
        tests = Balancer(Caller(f"http://127.0.0.1:{server.port}"), 0, test_action)
        for _ in range(2):
            tests._ping({"invoker": 0, "memory": 512, "started": True})
            tests._test(0)
        tests._answer({"activationId": sent[0]["activationId"], "completed": True})
        assert tests.health() == {"invoker0": "unhealthy"}
        tests._answer({"activationId": sent[1]["activationId"], "completed": True})
        assert tests.health() == {"invoker0": "up"}
        assert tests.in_flight("whisk.system") == 0
    finally:
        server.shutdown()
