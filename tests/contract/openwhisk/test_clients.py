"""The official clients: the npm package `openwhisk`, and the Go client through wsk."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import ssl
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.openwhisk.rig import GUEST, SERVER, SYSTEM, Platform, Role
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.artifacts.fetching import member
from whisklab.engine.tls import authority
from whisklab.lab.standins.cache import architecture, built
from whisklab.lab.standins.wsk import wsk as wsk_standin

HERE = Path(__file__).parent
ROOT = Path(__file__).parents[3]
ROOM = ROOT / ".lab" / "npm"
# That on troubleshooting has sentences about wsk, not commands.
PAGES = [ROOT / "README.md", *(page for page in (ROOT / "docs").glob("*.md")
                               if page.name != "troubleshooting.md")]  # fmt: skip


@pytest.fixture(scope="session")
def front(whisk: Platform) -> Iterator[Role]:
    """The role nginx in front of the controller, with a certificate that an authority signs."""
    room = whisk.room / "nginx"
    room.mkdir()
    now = datetime.now(UTC)
    signer = authority.new("whisklab contract", now)
    (room / "ca.crt").write_text(signer.certificate)
    leaf = authority.issue(signer, ["127.0.0.1"], now)
    (room / "tls.crt").write_text(leaf.certificate)
    (room / "tls.key").write_text(leaf.key)
    config = room / "nginx.conf"
    config.write_text(
        f"""
        http {{
          upstream controllers {{
            server 127.0.0.1:{whisk.roles["controller"].port} fail_timeout=60s;
          }}
          server {{
            listen 0;
            listen 0 default ssl;
            ssl_certificate      {room}/tls.crt;
            ssl_certificate_key  {room}/tls.key;
          }}
        }}
        """
    )
    role = Role(whisk.room, "nginx", ["--config", str(config)], {"PYTHONPATH": str(SERVER)}, 2)
    yield role
    assert role.stop() == 0


@pytest.fixture(scope="session")
def npm_client() -> Path:
    """The directory with the npm client; installed once for each lock file."""
    for program in ("node", "npm"):
        assert shutil.which(program), f"{program} is needed to try the official npm client"
    ROOM.mkdir(parents=True, exist_ok=True)
    lock = (HERE / "npm" / "package-lock.json").read_bytes()
    installed = ROOM / "installed.json"
    for file in ("package.json", "package-lock.json", "drive.mjs"):
        shutil.copy(HERE / "npm" / file, ROOM / file)
    if not installed.exists() or installed.read_bytes() != lock:
        argv = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(argv, cwd=ROOM, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        installed.write_bytes(lock)
    return ROOM


@pytest.fixture(scope="session")
def said(front: Role, npm_client: Path) -> dict[str, Any]:
    """What the npm client says, over TLS."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.js", "exports.main = () => ({zipped: true})")
    done = subprocess.run(
        ["node", "drive.mjs"],
        cwd=npm_client,
        env={
            **os.environ,
            "APIHOST": f"https://127.0.0.1:{front.ports[1]}",
            "KEY": GUEST,
            "ZIP": base64.b64encode(packed.getvalue()).decode(),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_npm_actions(said: dict[str, Any]) -> None:
    assert said["created"]["exec"]["kind"] == "nodejs:14"
    assert said["again"]["status"] == 409
    assert "resource already exists" in said["again"]["text"]
    assert said["world"] == {"payload": "Hello, World!"}
    assert said["named"] == {"payload": "Hello, JavaScript!"}
    assert said["zipped"] == {"zipped": True}
    assert "npm-hello" in [each["name"] for each in said["listed"]]
    assert not [each for each in said["left"] if each["name"].startswith("npm-")]
    assert said["namespaces"] == ["guest"]


def test_npm_activations(said: dict[str, Any]) -> None:
    record = said["record"]
    assert record["response"]["status"] == "success"
    assert {**said["fetched"], "logs": []} == {**record, "logs": []}
    assert said["result"] == record["response"]
    assert said["logs"] == {"logs": said["fetched"]["logs"]}
    assert said["laterRecord"]["response"]["result"] == {"payload": "Hello, World!"}
    assert record["activationId"] in [each["activationId"] for each in said["activations"]]


def test_npm_packages_triggers_and_rules(said: dict[str, Any]) -> None:
    assert said["merged"] == {"greeting": "Hi", "a": 1}
    assert [each["name"] for each in said["packageGot"]["actions"]] == ["echo"]
    assert said["rule"]["status"] == "active"
    (told,) = [json.loads(line) for line in said["firedRecord"]["logs"]]
    assert (told["rule"], told["success"]) == ("guest/npm-rule", True)
    assert said["ruleGot"]["status"] == "inactive"


def test_npm_refusals(said: dict[str, Any]) -> None:
    assert said["missing"]["status"] == 404
    assert said["stranger"]["status"] == 401
    assert "The supplied authentication is invalid" in said["stranger"]["text"]


@pytest.fixture(scope="session")
def wsk_program() -> Path:
    """The Go client's command line; built once, then from the cache."""
    catalogue = Catalogue(built(wsk_standin(), print))
    program = member(catalogue.artifact("wsk", None, "wsk", architecture()))
    program.chmod(0o755)
    return program


class Wsk:
    """wsk with properties of its own, which trusts one authority, or those of this machine."""

    def __init__(
        self, program: Path, room: Path, host: str, key: str, *, trusts: Path | None
    ) -> None:
        """Set the API's host and the key."""
        self._argv = [str(program)]
        self._env = {**os.environ, "WSK_CONFIG_FILE": str(room / "wskprops")}
        if trusts is not None:
            self._env["SSL_CERT_FILE"] = str(trusts)
        self.ok("property", "set", "--apihost", host, "--auth", key)

    def __call__(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._argv, *argv],
            env=self._env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def ok(self, *argv: str) -> str:
        done = self(*argv)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def wsk(wsk_program: Path, front: Role, tmp_path: Path) -> Wsk:
    return known(wsk_program, tmp_path, front, GUEST)


def known(program: Path, room: Path, front: Role, key: str) -> Wsk:
    """Wsk that trusts the API's authority."""
    host = f"https://127.0.0.1:{front.ports[1]}"
    return Wsk(program, room, host, key, trusts=authority_of(front))


def authority_of(front: Role) -> Path:
    return front.log.parent / "nginx" / "ca.crt"


def test_go_hello(wsk: Wsk, tmp_path: Path) -> None:
    code = tmp_path / "hello.js"
    code.write_text("function main(a) { return {payload: `Hello, ${a.name || 'World'}!`} }")
    assert wsk.ok("action", "create", "go-hello", str(code)) == "ok: created action go-hello\n"
    again = wsk("action", "create", "go-hello", str(code))
    assert again.returncode == 409 - 256
    assert "resource already exists" in again.stderr
    assert json.loads(wsk.ok("action", "invoke", "go-hello", "--result")) == {
        "payload": "Hello, World!"
    }
    named = wsk.ok("action", "invoke", "go-hello", "--result", "--param", "name", "JavaScript")
    assert json.loads(named) == {"payload": "Hello, JavaScript!"}
    assert "private nodejs:14" in wsk.ok("action", "list")
    blocking = wsk.ok("action", "invoke", "go-hello", "--blocking")
    record = json.loads(blocking.partition("\n")[2])
    assert record["response"]["status"] == "success"
    assert "guest/go-hello:0.0.1" in wsk.ok("activation", "list")
    wsk.ok("action", "delete", "go-hello")
    assert wsk("action", "get", "go-hello").returncode == 404 - 256


def test_go_without_the_authority_is_refused(
    wsk_program: Path, front: Role, tmp_path: Path
) -> None:
    host = f"https://127.0.0.1:{front.ports[1]}"
    stranger = Wsk(wsk_program, tmp_path, host, GUEST, trusts=None)
    done = stranger("action", "list")
    assert done.returncode != 0
    assert "x509: certificate signed by unknown authority" in done.stderr
    other = known(wsk_program, tmp_path, front, GUEST)
    other.ok("property", "set", "--apihost", host.replace("127.0.0.1", "localhost"))
    assert "x509: certificate is not valid for any names" in other("action", "list").stderr


def test_go_web_action(wsk: Wsk, front: Role, tmp_path: Path) -> None:
    code = tmp_path / "hello.py"
    code.write_text(
        "def main(args):\n"
        "    return {'statusCode': 200, 'headers': {'Content-Type': 'application/json'},"
        " 'body': args}\n"
    )
    wsk.ok("action", "create", "go-web", str(code), "--web", "true")
    url = wsk.ok("action", "get", "go-web", "--url").splitlines()[-1]
    trusting = ssl.create_default_context(cafile=authority_of(front))
    answer = httpx.get(f"{url}?name=Python", verify=trusting)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert (found["__ow_method"], found["name"]) == ("get", "Python")
    wsk.ok("action", "delete", "go-web")


def test_go_refusals(wsk: Wsk, wsk_program: Path, front: Role, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    stranger = known(wsk_program, tmp_path / "other", front, GUEST[:-1] + "x")
    done = stranger("action", "list")
    assert done.returncode == 401 - 256
    assert "The supplied authentication is invalid" in done.stderr
    assert wsk("action", "invoke", "go-none").returncode == 404 - 256


def test_go_lists_shared_packages(wsk_program: Path, front: Role, tmp_path: Path) -> None:
    wsk = known(wsk_program, tmp_path, front, SYSTEM)
    assert wsk.ok("package", "list", "/whisk.system").startswith("packages\n")


def test_go_knows_each_command_that_a_user_is_told(wsk: Wsk) -> None:
    """A lab's wsk has few commands: what a new user is told to type must be among them."""
    text = "".join(page.read_text() for page in PAGES)
    told = re.findall(r"(?:`|-- )wsk ((?:[a-z]+ )*[a-z]+)", text)
    assert {"action list", "action create hello hello"} <= set(told)
    for command in told:  # without a file that is there, a creation is refused for another reason
        assert "unknown command" not in wsk(*command.split()).stderr, command
    assert "unknown command" in wsk("list").stderr  # it would be seen
