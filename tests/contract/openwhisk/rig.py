"""The stand-in's roles on loopback, started as pods start them; containers are processes."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from whisklab.lab.standins.cache import SOURCES

SERVER = SOURCES / "openwhisk" / "server"
GUEST = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:" + "g" * 64
SYSTEM = "789c46b1-71f6-4ed5-8c54-816aa4f8c502:" + "s" * 64
DB_USER, DB_PASSWORD = "whisk_admin", "some_password"
MARKER = "ow_kube_couchdb_initialized_marker"
LISTENS = re.compile(r"listens on \S+?:(\d+)")
_PATIENCE = 30.0
# A run that is killed leaves no roles behind.
_WITH_US = ("setpriv", "--pdeathsig", "TERM", sys.executable)
RUNTIMES: dict[str, Any] = {
    "runtimes": {
        "nodejs": [
            {
                "kind": "nodejs:14",
                "default": True,
                "image": {"prefix": "openwhisk", "name": "action-nodejs-v14", "tag": "1.20.0"},
                "stemCells": [{"initialCount": 1, "memory": "256 MB"}],
            }
        ],
        "python": [
            {
                "kind": "python:3",
                "default": True,
                "image": {"prefix": "openwhisk", "name": "action-python-v3.7", "tag": "1.17.0"},
            }
        ],
        "php": [  # a kind whose image is nowhere
            {
                "kind": "php:7.4",
                "default": True,
                "image": {"prefix": "openwhisk", "name": "action-php-v7.4", "tag": "1.17.0"},
            }
        ],
    },
    "blackboxes": [],
}


class Role:
    """One running role; its log is a file."""

    def __init__(
        self, room: Path, name: str, argv: list[str], env: Mapping[str, str], ports: int = 1
    ) -> None:
        """Start it and wait until it listens on so many ports."""
        self.name = name
        self.log = room / f"{name}.log"
        seen = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*_WITH_US, "-m", "openwhisk_standin", name, "--address", "127.0.0.1", *argv],
                env={**os.environ, "PYTHONPATH": str(SERVER), **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.ports = self._listening(seen, ports)

    @property
    def port(self) -> int:
        """The first port it listens on."""
        return self.ports[0]

    def _listening(self, seen: int, ports: int) -> list[int]:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            text = self.log.read_bytes()[seen:].decode()
            found = [int(port) for port in LISTENS.findall(text)]
            if len(found) >= ports:
                return found
            assert self.process.poll() is None, f"{self.name} ended:\n{text}"
            time.sleep(0.02)
        raise AssertionError(f"{self.name} does not listen:\n{self.log.read_text()}")

    def stop(self) -> int:
        """Tell it to end, as Kubernetes does; returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=_PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{self.name} does not end:\n{self.log.read_text()}") from error


class Platform:
    """zookeeper, kafka, couchdb, the databases, the controller and an invoker."""

    def __init__(self, room: Path, **settings: str) -> None:
        """Start all of them; ``settings`` are further variables of controller and invoker."""
        self.room = room
        self.settings = settings
        self.roles: dict[str, Role] = {}
        self._ports: dict[str, int] = {}
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise

    def _begin(self) -> None:
        zookeeper = self.start("zookeeper")
        self.start("kafka", KAFKA_ZOOKEEPER_CONNECT=f"127.0.0.1:{zookeeper.port}")
        self.start("couchdb")
        self.init_couchdb()
        self.start("controller")
        self.start("invoker")
        self.wait_for_invoker()

    def start(self, name: str, **more: str) -> Role:
        """Start a role, where it listened before if it did."""
        argv = ["--port", str(self._ports.get(name, 0))]
        if name == "couchdb":
            argv += ["--data", str(self.room / "couchdb")]
        if name == "invoker":
            argv += ["--containers", "processes"]
        env = {**self._env(), **self.settings, **more}
        role = self.roles[name] = Role(self.room, name, argv, env)
        self._ports[name] = role.port
        return role

    def restart(self, *names: str) -> None:
        """Stop roles and start them again."""
        for name in names:
            assert self.roles[name].stop() == 0
        for name in names:
            self.start(name)

    def stop(self) -> None:
        """Stop what runs."""
        for role in reversed(self.roles.values()):
            if role.process.poll() is None:
                role.stop()

    def _env(self) -> dict[str, str]:
        found = {
            "COUCHDB_USER": DB_USER,
            "COUCHDB_PASSWORD": DB_PASSWORD,
            "RUNTIMES_MANIFEST": json.dumps(RUNTIMES),
            "INVOKER_NAME": "owdev-invoker-0",
            "CONFIG_whisk_couchdb_protocol": "http",
            "CONFIG_whisk_couchdb_host": "127.0.0.1",
            "CONFIG_whisk_couchdb_username": DB_USER,
            "CONFIG_whisk_couchdb_password": DB_PASSWORD,
            "CONFIG_whisk_couchdb_databases_WhiskEntity": "test_whisks",
            "CONFIG_whisk_couchdb_databases_WhiskActivation": "test_activations",
            "CONFIG_whisk_couchdb_databases_WhiskAuth": "test_subjects",
        }
        if "couchdb" in self._ports:
            found["CONFIG_whisk_couchdb_port"] = str(self._ports["couchdb"])
        if "kafka" in self._ports:
            found["KAFKA_HOSTS"] = f"127.0.0.1:{self._ports['kafka']}"
        return found

    @property
    def api(self) -> str:
        """The controller's URL."""
        return f"http://127.0.0.1:{self.roles['controller'].port}"

    def job(self, *argv: str, **env: str) -> str:
        """Run a job's program to its end and return what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "openwhisk_standin", *argv],
            env={**os.environ, "PYTHONPATH": str(SERVER), **self._env(), **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def init_couchdb(self) -> None:
        """What the job init-couchdb does: wipe, make anew, set the marker."""
        files = self.room / "files"
        files.mkdir(exist_ok=True)
        (files / "auth.guest").write_text(GUEST)
        (files / "auth.whisk.system").write_text(SYSTEM)
        port = str(self._ports["couchdb"])
        self.job("init-couchdb", str(files), DB_HOST="127.0.0.1", DB_PORT=port, DB_PREFIX="test_")
        made = self.couchdb("PUT", f"/{MARKER}")
        assert made.status_code in (201, 412), made.text

    def couchdb(self, method: str, path: str) -> httpx.Response:
        """Ask the store itself."""
        url = f"http://127.0.0.1:{self._ports['couchdb']}{path}"
        return httpx.request(method, url, auth=(DB_USER, DB_PASSWORD))

    def wait_for_invoker(self) -> None:
        """Wait as the job install-packages does."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if httpx.get(f"{self.api}/invokers/healthy/count").json() > 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"no healthy invoker:\n{self.roles['invoker'].log.read_text()}")

    def client(self, key: str = GUEST, **more: Any) -> httpx.Client:
        """A client of the REST API; the key is sent with each request."""
        sent = base64.b64encode(key.encode()).decode()
        headers = {"Authorization": f"Basic {sent}"} if key else {}
        return httpx.Client(base_url=f"{self.api}/api/v1", headers=headers, timeout=70, **more)


def put(
    client: httpx.Client, name: str, code: str, kind: str = "nodejs:default", **more: Any
) -> Any:
    """Store an action of the client's own namespace and return it."""
    body = {"exec": {"kind": kind, "code": code}, **more}
    answer = client.put(f"/namespaces/_/actions/{name}?overwrite=true", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def record(client: httpx.Client, activation: str) -> Any:
    """Wait for an activation's record and return it; by then its container is free again."""
    path = f"/namespaces/_/activations/{activation}"
    return eventually(lambda: found.json() if (found := client.get(path)).is_success else None)


def eventually(found: Any, wanted: str = "it") -> Any:
    """Call ``found`` until it returns something; records are stored after the answer is given."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if (value := found()) is not None:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{wanted} did not come within {_PATIENCE:g} s")
