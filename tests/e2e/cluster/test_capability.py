"""A capability is its folder, a line in deploys/__init__.py and its place in deploy.py."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import sample
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.test_forward import forwarding
from tests.e2e.cluster.trial import saying

pytestmark = pytest.mark.e2e

NODES = ("master", "worker1", "worker2")
PLACE = 'stage("everything is in place")\n'
LINES = {
    "deploys/__init__.py": ('    "fileserver",\n', '    "fileserver",\n    "sample",\n'),
    "deploy.py": (
        PLACE,
        f"from deploys.sample import sample\n\nif k3s.is_node():\n    sample()\n{PLACE}",
    ),
}


@pytest.fixture(scope="module")
def added(site: Site) -> Iterator[Site]:
    """The copy with one capability more; its files are as before afterwards."""
    before = {name: (site.directory / name).read_text() for name in LINES}
    folder = site.directory / "deploys/sample"
    shutil.copytree(Path(sample.__file__).parent, folder)
    for name, (anchor, line) in LINES.items():
        assert before[name].count(anchor) == 1
        (site.directory / name).write_text(before[name].replace(anchor, line))
    yield site
    for name, text in before.items():
        (site.directory / name).write_text(text)
    shutil.rmtree(folder)


def told(done: Run, code: int = 0) -> dict[str, Any]:
    assert done.code == code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_its_data_are_checked(added: Site) -> None:
    for line, sentence in (
        ("sample_port = 0", "sample_port: input should be greater than or equal to 1, not 0"),
        ("sample_prot = 1", "sample_prot: unknown key, did you mean sample_port?"),
    ):
        with saying(added, line):
            done = added.whisklab("plan", added.name)
        assert done.code == 2, done.output
        assert sentence in done.output


def test_its_ports_are_asked_for_beforehand(added: Site) -> None:
    for line, sentence in (
        ("sample_port = 22", "port 22, which sample needs, is taken by sshd"),
        ("sample_port = 10250", "port 10250 is wanted by"),
    ):
        with saying(added, line):
            done = added.whisklab("plan", added.name)
        assert done.code in (1, 2), done.output
        assert sentence in done.output


def test_it_is_deployed_told_verified_and_forwarded(added: Site) -> None:
    bad = told(added.whisklab("status", added.name, "--json"), 1)["sample"]
    assert {each["name"]: each["ok"] for each in bad} == dict.fromkeys(NODES, False)
    done = told(added.whisklab("apply", added.name, "--only", "sample", "--json"))
    assert {(each["operation"], each["host"]) for each in done["changes"]} == {
        ("sample | File", node) for node in NODES
    }
    assert {added.root(node, f"cat {sample.PATH}") for node in NODES} == {"as it is wished\n"}
    assert told(added.whisklab("plan", added.name, "--json"))["changes"] == []
    good = told(added.whisklab("status", added.name, "--json"))["sample"]
    assert {each["name"]: each["ok"] for each in good} == dict.fromkeys(NODES, True)
    found = told(added.whisklab("verify", added.name, "--json"))["checks"]
    ours = {each["host"]: each["ok"] for each in found if each["check"] == "the sample is there"}
    assert ours == dict.fromkeys(NODES, True)
    with forwarding(added) as forward:
        assert "sample" in forward.ports
    taken = added.whisklab("adopt", added.name)
    assert "the sample of master has nothing to take over" in taken.output
