"""What verify and `whisklab actions` do, with the stand-in's roles."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from deploys.openwhisk import cli, functions, portable
from deploys.openwhisk.answers import ActionFailed, Refused, Unauthorized
from deploys.openwhisk.api import OpenWhisk
from deploys.openwhisk.backup import Outcome, export, restore
from deploys.openwhisk.pace import Pace
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.verify import ACTIONS, Trial, what_answers
from tests.contract.openwhisk.rig import GUEST, SYSTEM, Platform
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.artifacts.fetching import member
from whisklab.engine.kubernetes.kube import Endpoint
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.engine.ssh.http import Server
from whisklab.errors import WhisklabError
from whisklab.lab.standins.cache import architecture, built
from whisklab.lab.standins.wsk import wsk as wsk_standin

SAY = "function main(p) { return {said: p.token + p.more}; }"
BROKEN = "function main() { return {error: 'no luck'}; }"


class Local(WhiskSSH):
    """A connector to this machine, as far as verify needs one."""

    def __init__(self) -> None:
        """Without a host."""

    def exchange(self, command: StringCommand, data: bytes) -> tuple[int, str, str]:
        done = subprocess.run(
            ["sh", "-c", command.get_raw_value()], input=data, capture_output=True, check=False
        )
        return done.returncode, done.stdout.decode(), done.stderr.decode()


class Machine(Host):
    """This machine as a server."""

    name = "here"

    def __init__(self) -> None:
        self.connector = Local()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    found = Platform(tmp_path_factory.mktemp("openwhisk"), LIMITS_ACTIONS_INVOKES_PERMINUTE="1000")
    yield found
    found.stop()


def connect(platform: Platform, key: str = GUEST) -> OpenWhisk:
    server = Server("OpenWhisk's API", platform.api, urllib3.PoolManager(retries=False))
    return OpenWhisk(server, key, "a test", Pace(1000))


@pytest.fixture
def client(platform: Platform) -> Iterator[OpenWhisk]:
    """A client whose namespace is empty afterwards."""
    found = connect(platform)
    yield found
    for collection in reversed(portable.COLLECTIONS):
        for each in found.listed(collection):
            found.delete(collection, portable.full_name(each))


def test_the_functions_by_rest_and_by_url(client: OpenWhisk) -> None:
    trial = Trial(OpenWhiskSettings(), Endpoint("", 0), client)
    for work in (trial.by_rest, trial.by_url):
        seen = work(Machine())
        assert seen.measured["cold_ms"] > 0
        assert seen.measured["init_ms"] >= 0
        assert seen.measured["warm_ms"] > 0
    assert client.listed(ACTIONS) == []
    assert trial.cleaned(Machine()) == "nothing is left"
    assert what_answers(client.ask("GET", "")) == "the stand-in, not OpenWhisk itself"


def test_the_functions_by_wsk(
    platform: Platform, client: OpenWhisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = member(
        Catalogue(built(wsk_standin(), print)).artifact("wsk", None, "wsk", architecture())
    )
    (tmp_path / "wsk").symlink_to(program)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(cli, "_SCRIPT", cli._SCRIPT.replace("/run/whisklab", f"{tmp_path}/run"))
    found = cli.Cli(Machine(), platform.api, GUEST, Pace(1000))
    found.greet("hello")
    found.echo("hello-py")
    assert client.listed(ACTIONS) == []
    assert list((tmp_path / "run").iterdir()) == []
    # What is there is not touched, and the key is not told.
    client.put(ACTIONS, "taken", functions.PYTHON.action(web=False), overwrite=False)
    with pytest.raises(WhisklabError, match=r"wsk on here: Unable to create action 'taken'"):
        found.greet("taken")
    wrong = cli.Cli(Machine(), platform.api, SYSTEM[:-1] + "x", Pace(1000))
    with pytest.raises(WhisklabError) as raised:
        wrong.echo("other")
    assert SYSTEM[:-1] not in str(raised.value)
    assert list((tmp_path / "run").iterdir()) == []


def test_what_it_refuses(platform: Platform, client: OpenWhisk) -> None:
    with pytest.raises(Unauthorized, match="does not know the key of a test"):
        connect(platform, GUEST[:-1] + "x").namespace()
    wrong = {"exec": {"kind": "cobol:1", "code": "x"}}
    with pytest.raises(Refused, match="cobol:1") as raised:
        client.put(ACTIONS, "old", wrong, overwrite=False)
    assert raised.value.status == 400
    client.put(
        ACTIONS, "broken", {"exec": {"kind": "nodejs:default", "code": BROKEN}}, overwrite=False
    )
    with pytest.raises(ActionFailed, match="broken ended with application error: no luck"):
        client.invoke("broken", {})


def test_out_to_a_file_and_into_another_namespace(platform: Platform, client: OpenWhisk) -> None:
    fill(client)
    document = portable.read(export(client, print).model_dump_json())
    assert document.namespace == "guest"
    other = connect(platform, SYSTEM)
    before = {each: len(other.listed(each)) for each in portable.COLLECTIONS}
    result = restore(other, document, print, overwrite=False)
    assert result.refusals == []
    assert len(result.names[Outcome.CREATED]) == 6
    again = restore(other, document, print, overwrite=False)
    assert len(again.names[Outcome.EQUAL]) == 6
    called = other.invoke("chain", {"token": "t", "more": "m"})
    assert called["response"]["result"] == {"said": "s3cret!"}  # the last one has what it had
    rule = other.get("rules", "on-tick")
    assert rule is not None
    assert (rule["status"], rule["action"]["path"]) == ("inactive", "whisk.system/tools")
    for collection in reversed(portable.COLLECTIONS):
        for each in document.of(collection):
            assert other.delete(collection, each["name"])
    assert before == {each: len(other.listed(each)) for each in portable.COLLECTIONS}


def test_into_the_same_namespace_again(client: OpenWhisk) -> None:
    fill(client)
    document = export(client, print)
    kept = {each["name"]: each for each in [*document.packages, *document.actions]}
    assert kept["tools/say"]["parameters"] == [{"key": "more", "value": "!"}]
    assert kept["chain"]["parameters"] == kept["bound"]["parameters"] == []
    assert kept["bound"]["annotations"] == kept["tools"]["annotations"]
    changed = {"exec": {"kind": "nodejs:default", "code": BROKEN},
               "annotations": [{"key": "extra", "value": 1}]}  # fmt: skip
    client.put(ACTIONS, "tools/say", changed, overwrite=True)
    client.delete("rules", "on-tick")
    result = restore(client, document, print, overwrite=False)
    assert result.names[Outcome.LEFT] == ["action tools/say"]
    assert result.names[Outcome.CREATED] == ["rule on-tick"]
    result = restore(client, document, print, overwrite=True)
    assert result.names[Outcome.REPLACED] == ["action tools/say"]
    assert export(client, print) == document


def fill(client: OpenWhisk) -> None:
    """Make two packages, two actions, a trigger and a rule that rests."""
    token = [{"key": "token", "value": "s3cret"}]
    note = {"annotations": [{"key": "description", "value": "for all"}]}
    client.put("packages", "tools", {"parameters": token, **note}, overwrite=False)
    bound = {"binding": {"namespace": "_", "name": "tools"}, **note}
    client.put("packages", "bound", bound, overwrite=False)
    say = {"exec": {"kind": "nodejs:default", "code": SAY}, "limits": {"memory": 128},
           "parameters": [{"key": "more", "value": "!"}]}  # fmt: skip
    client.put(ACTIONS, "tools/say", say, overwrite=False)
    chain = {"exec": {"kind": "sequence", "components": ["/_/tools/say", "/_/tools/say"]}}
    client.put(ACTIONS, "chain", chain, overwrite=False)
    client.put("triggers", "tick", {"parameters": token}, overwrite=False)
    client.put(
        "rules", "on-tick", {"trigger": "/_/tick", "action": "/_/tools/say"}, overwrite=False
    )
    client.ask("POST", client.entity("rules", "on-tick"), {"status": "inactive"})
