"""A registry that the lab has already takes the place of our own, and gives it back.

It is the Harbor-like double of the contract tests, on this machine; nodes reach it by a name, which
leads through SSH.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.registry.doors import Doors, distribution
from tests.contract.registry.harbor import Account, Harbor
from tests.contract.registry.making import image, layer, single, written
from tests.e2e.cluster.restarts import pods
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

NODES = ("master", "worker1", "worker2")
NAME, PORT = "harbor.example", 8443
PULLS, PUSHES = "robot$lab+pull", "robot$lab+push"
PASSWORDS = {PULLS: 'only "pulls" \\ $x', PUSHES: "only-pushes"}
MADE = image([layer(41, 300_000)])


@pytest.fixture(scope="module")
def harbor(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harbor]:
    """With the project lab, a robot that pulls there and one that pushes."""
    doors = Doors(distribution(), tmp_path_factory.mktemp("harbor") / "registry", [NAME])
    doors.start(doors.push)
    made = Harbor(doors, name=f"{NAME}:{PORT}")
    made.projects.add("lab")
    made.accounts = {
        PULLS: Account(PASSWORDS[PULLS], {"lab": {"pull"}}),
        PUSHES: Account(PASSWORDS[PUSHES], {"lab": {"pull", "push", "delete"}}),
    }
    with ExitStack() as stack:
        stack.callback(doors.stop_all)
        stack.callback(made.close)
        for node in NODES:
            stack.enter_context(led(site, node, made.port))
        yield made


@contextmanager
def led(site: Site, node: str, port: int) -> Iterator[None]:
    """Have the name lead from a node to a port of this machine."""
    site.root(node, f"echo 127.0.0.1 {NAME} >> /etc/hosts")
    argv = site.ssh_command(node, "-N", "-R", f"127.0.0.1:{PORT}:127.0.0.1:{port}")
    asked = f"curl -sk -o /dev/null https://{NAME}:{PORT}/ && echo yes || true"
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
        until(f"{node} reaches it", lambda: "yes" in site.root(node, asked))
        yield
        process.terminate()


def say(site: Site, harbor: Harbor) -> None:
    with (site.directory / f"group_data/{site.name}.py").open("a") as data:
        data.write(
            f"registry_url = 'https://{NAME}:{PORT}'\nregistry_project = 'lab/team'\n"
            f"registry_account = {PULLS!r}\nregistry_push_account = {PUSHES!r}\n"
            f"registry_ca = {str(harbor.doors.ca)!r}\nregistry_mirrors = ['docker.io']\n"
        )


def write(site: Site, name: str, password: str) -> None:
    path = site.directory / ".secrets" / site.name / name
    path.write_text(password + "\n")
    path.chmod(0o600)


def pulled(site: Site, node: str, name: str) -> bool:
    site.root(node, f"crictl rmi {name} >/dev/null 2>&1 || true")
    return "Image is up to date" in site.root(node, f"crictl pull {name} 2>&1", check=False)


def planned(site: Site) -> list[dict[str, Any]]:
    done = site.whisklab("plan", site.name, "--json")
    assert done.code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)["changes"]
    return found


def test_nodes_pull_and_images_go_where_the_lab_has_them(
    site: Site, harbor: Harbor, tmp_path: Path
) -> None:
    before = pods(site)
    say(site, harbor)
    lacking = site.whisklab("apply", site.name)
    assert lacking.code == 2
    assert f"write the password of the account {PULLS} at https://{NAME}:{PORT}" in lacking.output
    write(site, "registry_account", "wrong")
    refused = site.whisklab("apply", site.name)
    assert refused.code == 1, refused.output
    said = f"https://{NAME}:{PORT} answers 401 to master with the account {PULLS}, expected 200"
    assert f"{said}, so its k3s is not restarted for it" in refused.output

    write(site, "registry_account", PASSWORDS[PULLS])
    write(site, "registry_push_account", PASSWORDS[PUSHES])
    done = site.whisklab("apply", site.name)
    assert done.code == 0, done.output
    assert not any(each in done.output for each in PASSWORDS.values())
    source = str(written(tmp_path / "one.tar", single(MADE)))
    pushed = site.whisklab("images", "push", site.name, source, "tool:1", "--json")
    assert pushed.code == 0, pushed.output
    assert json.loads(pushed.stdout)[0]["name"] == "tool:1"
    for node in NODES:
        assert pulled(site, node, f"{NAME}:{PORT}/lab/team/tool:1")
    named = site.whisklab("images", "push", site.name, source, "docker.io/library/tool:1")
    assert named.code == 0, named.output
    assert all(pulled(site, node, "docker.io/library/tool:1") for node in NODES)
    assert pods(site) == before
    assert planned(site) == []


def test_the_other_verbs_know_whose_it_is(site: Site, harbor: Harbor) -> None:
    assert f"https://{NAME}:{PORT}/lab/team" in site.whisklab("verify", site.name).output
    status = site.whisklab("status", site.name).output
    assert f"https://{NAME}:{PORT}/lab/team, not ours; nodes pull as {PULLS}" in status
    listed = site.whisklab("images", "list", site.name, "--json")
    assert {f"{each['name']}:{each['tag']}" for each in json.loads(listed.stdout)} == {
        "library/tool:1", "tool:1",
    }  # fmt: skip
    collected = site.whisklab("images", "gc", site.name, "--yes")
    assert collected.code == 2
    assert "is not one of whisklab's (registry_url)" in collected.output
    removed = site.whisklab("images", "rm", site.name, "tool:1", "--yes")
    assert removed.code == 0, removed.output
    assert not pulled(site, "worker1", f"{NAME}:{PORT}/lab/team/tool:1")
    left = "ls /etc/systemd/system/whisklab-registry* /usr/local/bin/whisklab-registry"
    assert site.root("storage", f"{left} 2>/dev/null || true").strip() == ""


def test_our_own_comes_back(site: Site, harbor: Harbor) -> None:
    data = site.directory / f"group_data/{site.name}.py"
    data.write_text(data.read_text().partition("registry_url")[0])
    done = site.whisklab("apply", site.name)
    assert done.code == 0, done.output
    for node in NODES:
        written_ = site.root(node, "cat /etc/rancher/k3s/registries.yaml")
        assert NAME not in written_
        assert PASSWORDS[PULLS] not in written_
    assert "pulls from the registry, and only pulls" in site.whisklab("verify", site.name).output
    assert planned(site) == []
