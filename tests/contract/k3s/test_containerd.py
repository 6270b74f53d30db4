"""Containerd's records that cannot be read are set aside."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from deploys.k3s import operations
from tests.contract import fake_kubernetes as fake
from tests.contract.k3s.machine import SERVICE, Machine


class Node(Machine):
    """A machine on which containerd's service may run, or fail."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.records = root / "agent/it's $HOME containerd"
        files = {"io.containerd.metadata.v1.bolt/meta.db": "broken", "state/a b": "x",
                 "io.containerd.content.v1.content/blobs/sha256/aa": "blob",
                 "containerd.log": "all is well\n"}  # fmt: skip
        for name, text in files.items():
            (self.records / name).parent.mkdir(parents=True, exist_ok=True)
            (self.records / name).write_text(text)
        (root / "agent/images").mkdir()
        (root / "agent/images/k3s.tar").write_text("images")
        (root / "agent/containerd.broken-20200101-000000").mkdir()
        self.program(
            "systemctl",
            f"""
case $1 in
is-active) exit "$(cat '{root}/code')";;
stop) test -d "$WHISKLAB_RECORDS" && echo "there [when it was stopped]" >> '{self.log}';;
esac""",
        )
        self.program("journalctl", f"cat '{root}/journal'")
        (root / "journal").touch()
        self.is_active(code=3)

    def is_active(self, *, code: int) -> None:
        """What `systemctl is-active` ends with; 0 when it is."""
        (self.root / "code").write_text(str(code))

    def says(self, log: str, *, into: str) -> None:
        """Have containerd's words in its own log, or in the service's only."""
        if into == "its own":
            (self.records / "containerd.log").write_text(log)
        else:
            (self.records / "containerd.log").unlink()
            (self.root / "journal").write_text(log)

    def set_aside(self, *, only_plan: bool = False) -> fake.Done:
        do = fake.plan if only_plan else fake.carry_out
        return do(operations.containerd_readable, service=SERVICE, directory=str(self.records))

    @property
    def files(self) -> dict[str, str]:
        """All files below agent/, and what is in them."""
        top = self.root / "agent"
        return {str(each.relative_to(top)): each.read_text() if each.is_file() else ""
                for each in top.rglob("*")}  # fmt: skip


@pytest.fixture
def of_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """One whose service is not active, and whose records can be read."""
    made = Node(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    monkeypatch.setenv("WHISKLAB_RECORDS", str(made.records))
    return made


BBOLT = "go.etcd.io/bbolt.(*freelist).read(0x1)\n"
OF_CONTAINERD = "github.com/containerd/containerd/services/server.New({0x2529ef8})\n"
CRASHES = [
    "panic: invalid freelist page: 0",
    "fatal error: fault",
    "unexpected fault address 0x7f8ce071d000",
]
PLUGIN = 'level=warning msg="failed to load plugin" id=io.containerd.metadata.v1.bolt error="bad"\n'
BROKEN = [
    *((f"before\n{crash}\n{BBOLT}{OF_CONTAINERD}after\n", crash) for crash in CRASHES),
    (PLUGIN, '"bad"'),
]


@pytest.mark.parametrize(("log", "why"), BROKEN)
@pytest.mark.parametrize("into", ["its own", "the service's"])
def test_records_that_cannot_be_read_are_set_aside_whole(
    of_node: Node, log: str, why: str, into: str
) -> None:
    of_node.says(log, into=into)
    before = of_node.files
    planned = of_node.set_aside(only_plan=True)
    assert planned.planned
    because = f"containerd cannot read its records ({why}); they are set aside, as"
    assert planned.why == [f"{because} {operations.ASIDE}"]
    assert of_node.files == before
    assert of_node.called("systemctl", "stop") == []

    done = of_node.set_aside()
    assert (len(done.commands), done.failed) == (1, False)
    assert of_node.called("systemctl", "stop") == [["stop", "--", SERVICE]]
    assert of_node.called("there") == [["when it was stopped"]]
    name = of_node.records.name
    (aside,) = of_node.records.parent.glob(f"{name}.broken-*")
    assert re.fullmatch(r".*\.broken-\d{8}-\d{6}", aside.name)
    moved = {re.sub(rf"^{re.escape(name)}(?=/|$)", aside.name, path): text
             for path, text in before.items()}  # fmt: skip
    assert of_node.files == moved
    assert of_node.set_aside().idle
    assert of_node.files == moved


@pytest.mark.parametrize("into", ["its own", "the service's"])
@pytest.mark.parametrize(
    "log",
    [
        "",
        "all is well\n",
        f"{CRASHES[0]}\n{BBOLT}go.etcd.io/etcd/server/v3/mvcc/backend.New(0x0)\n",
        f"panic: another\nmain.main()\n{OF_CONTAINERD}",
        PLUGIN.replace("metadata", "snapshotter"),
    ],
)
def test_records_that_it_can_read_stay(of_node: Node, log: str, into: str) -> None:
    of_node.says(log, into=into)
    before = of_node.files
    assert of_node.set_aside().idle
    assert of_node.files == before
    assert of_node.called("systemctl", "stop") == []


@pytest.mark.parametrize("into", ["its own", "the service's"])
def test_a_service_that_runs_keeps_its_records(of_node: Node, into: str) -> None:
    of_node.says(BROKEN[0][0], into=into)
    of_node.is_active(code=0)
    before = of_node.files
    assert of_node.set_aside().idle
    assert of_node.files == before
    assert of_node.called("systemctl", "stop") == []


def test_a_machine_without_records_needs_nothing(of_node: Node) -> None:
    of_node.says(BROKEN[0][0], into="the service's")
    of_node.records.rename(of_node.root / "elsewhere")
    assert of_node.set_aside().idle
    assert of_node.called("systemctl", "stop") == []


def test_one_that_came_up_between_plan_and_run_keeps_its_records(of_node: Node) -> None:
    of_node.says(BROKEN[0][0], into="its own")
    before = of_node.files
    done = fake.carry_out(
        operations.containerd_readable, service=SERVICE, directory=str(of_node.records),
        between=lambda: of_node.is_active(code=0),
    )  # fmt: skip
    assert (done.planned, done.commands, done.failed) == (True, [], False)
    assert of_node.files == before


def test_records_that_cannot_be_moved_fail_the_host_and_are_tried_again(of_node: Node) -> None:
    of_node.says(BROKEN[0][0], into="its own")
    of_node.program("mv", "echo 'mv: cannot move: Read-only file system' >&2; exit 1")
    before = of_node.files
    assert of_node.set_aside().failed
    assert of_node.files == before
    ((*_, source, target),) = of_node.called("mv")
    assert source == str(of_node.records)
    assert target.startswith(f"{of_node.records}.broken-")
    (of_node.bin / "mv").unlink()
    assert not of_node.set_aside().failed
    assert not of_node.records.exists()


def test_records_stay_where_a_service_cannot_be_stopped(of_node: Node) -> None:
    """It may run after all: who cannot ask systemd does not know."""
    of_node.says(BROKEN[0][0], into="its own")
    of_node.program("systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    before = of_node.files
    assert of_node.set_aside().failed
    assert of_node.files == before
