"""File operations against a real shell on this machine: once they change, twice they do not."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage

from deploys.base import operations as base
from deploys.base.facts import LoadableModules, SysctlValues
from deploys.provisioner.facts import Archived
from whisklab.engine.cache import sha256_of
from whisklab.engine.resources import blocks, files, paths, services
from whisklab.engine.resources.placed import UNPACKED, Placed, PlacedFile
from whisklab.engine.resources.room import FreeSpace, Space
from whisklab.engine.resources.units import Service

OWNER = f"{pwd.getpwuid(os.getuid()).pw_name}:{grp.getgrgid(os.getgid()).gr_name}"


def with_local_state(work: Callable[[State], Any]) -> Any:
    state = State(Inventory((["@local"], {})), Config())
    connect_all(state)
    try:
        return work(state)
    finally:
        disconnect_all(state)


def run(operation: Any, **arguments: Any) -> bool:
    """Run one operation here; return whether it changed something."""

    def work(state: State) -> bool:
        state.set_stage(StateStage.Prepare)
        meta = next(iter(add_op(state, operation, **arguments).values()))
        state.set_stage(StateStage.Execute)
        run_ops(state)
        return bool(meta.did_change())

    return bool(with_local_state(work))


def fact(cls: Any, **arguments: Any) -> Any:
    return with_local_state(lambda state: next(iter(state.inventory)).get_fact(cls, **arguments))


ODD = 'it\'s $HOME `x` "y" \\ ü\nsecond line'


def test_content(tmp_path: Path) -> None:
    path = tmp_path / "new dir" / "it's a file"
    wish = {"path": str(path), "content": ODD, "mode": "600", "owner": OWNER}
    assert run(files.content, **wish)
    assert path.read_text() == ODD + "\n"
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.stat()
    assert not run(files.content, **wish)
    assert path.stat() == before
    path.chmod(0o644)
    assert run(files.content, **wish)
    path.write_text("edited")
    assert run(files.content, **wish)
    assert path.read_text() == ODD + "\n"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("arrived", [0, 1, len((ODD + "\n").encode()) - 1])
def test_what_did_not_arrive_whole_is_not_put_there(tmp_path: Path, arrived: int) -> None:
    """A laptop that is gone: the command goes on, and its stdin ends."""
    path = tmp_path / "file"
    path.write_text("as it was")
    command = files.write_command(str(path), ODD, "600", OWNER).get_raw_value()
    cut = (ODD + "\n").encode()[:arrived]
    done = subprocess.run(["sh", "-c", command], input=cut, capture_output=True, check=False)
    sentence = f"{path} was not written, it is as before: it did not arrive whole\n"
    assert (done.returncode, done.stderr.decode()) == (1, sentence)
    assert path.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("odd", ["a\r\nb", "a\x0cb\u2028c", "", "\n\n"])
def test_content_arrives_byte_for_byte(tmp_path: Path, odd: str) -> None:
    wish = {"path": str(tmp_path / "file"), "content": odd, "owner": OWNER}
    assert run(files.content, **wish)
    assert (tmp_path / "file").read_bytes() == paths.written(odd).encode()
    assert not run(files.content, **wish)


def test_content_replaces_a_link_and_not_its_target(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "link"
    target.write_text("theirs")
    path.symlink_to(target)
    assert run(files.content, path=str(path), content="ours", owner=OWNER)
    assert target.read_text() == "theirs"
    assert path.read_text() == "ours\n"


def test_absent_only_removes_what_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert not run(files.absent, path=str(path), header="# ours")
    path.write_text("# theirs\n")
    assert not run(files.absent, path=str(path), header="# ours")
    assert path.exists()
    path.write_text("# ours\nmore\n")
    assert run(files.absent, path=str(path), header="# ours")
    assert not path.exists()


def test_link(tmp_path: Path) -> None:
    path, target = tmp_path / "kubectl", str(tmp_path / "k3s")
    assert run(files.link, path=str(path), target=target)
    assert str(path.readlink()) == target
    assert not run(files.link, path=str(path), target=target)
    path.unlink()
    path.write_text("their own kubectl")
    assert not run(files.link, path=str(path), target=target)
    assert path.read_text() == "their own kubectl"


def test_block(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("127.0.0.1 localhost\n")
    wish = {"path": str(path), "marker": "whisklab", "lines": ["10.0.0.1 a"], "owner": OWNER}
    assert run(blocks.block, **wish)
    assert not run(blocks.block, **wish)
    assert path.read_text().splitlines() == [
        "127.0.0.1 localhost", "# BEGIN whisklab", "10.0.0.1 a", "# END whisklab"
    ]  # fmt: skip


def test_sha256_is_remembered_only_while_the_file_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "big file"
    assert fact(PlacedFile, path=str(path)) == Placed()
    for content in (b"one", b"two"):
        path.write_bytes(content)
        for mode in (0o600, 0o755):
            path.chmod(mode)
            for _ in range(2):
                found = Placed((sha256_of(path),), f"{mode:o}", OWNER)
                assert fact(PlacedFile, path=str(path)) == found


def test_a_file_from_an_archive_is_known_by_both_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisklab.engine.resources.placed.UNPACKED", str(tmp_path / "unpacked"))
    path, note = tmp_path / "helm", tmp_path / "unpacked" / str(tmp_path / "helm").replace("/", "_")
    path.write_text("helm")
    note.parent.mkdir()
    note.write_text(f"{sha256_of(path)} {'a' * 64}\n")
    assert fact(PlacedFile, path=str(path)).digests == (sha256_of(path), "a" * 64)
    path.write_text("edited")
    assert fact(PlacedFile, path=str(path)).digests == (sha256_of(path),)
    assert UNPACKED.startswith("/var/lib/")  # outlives a restart of the host


def test_the_room_at_a_path_is_that_of_its_nearest_directory(tmp_path: Path) -> None:
    here, kernels = tmp_path / "not yet/a file", "/proc/none"
    found = fact(FreeSpace, paths=[str(here), kernels])
    status = os.statvfs(tmp_path)
    free = status.f_bfree * status.f_frsize
    assert found[str(here)].device == str(tmp_path.stat().st_dev)
    assert found[str(here)].free == pytest.approx(free, rel=0.2)  # others write here, too
    assert found[kernels] == Space(str(Path("/proc").stat().st_dev), 0)


def test_facts_of_what_is_not_there() -> None:
    state = fact(Service, service="no-such-service")
    assert (state.active, state.enabled, dict(state.started_from)) == ("inactive", False, {})
    assert fact(SysctlValues, keys=["no.such.key"]) == {}
    assert fact(LoadableModules, modules=["no-such-module"]) == []


def test_sysctl_of_this_machine_is_read() -> None:
    value = int(Path("/proc/sys/net/ipv4/ip_forward").read_text())
    assert fact(SysctlValues, keys=["net.ipv4.ip_forward"]) == {"net.ipv4.ip_forward": value}
    assert not run(base.sysctl, wanted={"net.ipv4.ip_forward": value})


def test_data_of_deleted_claims_are_found_by_their_namespace(tmp_path: Path) -> None:
    for name in ("archived-a-x-pvc-1", "archived-a b-y-pvc-2", "archived-ab-z-pvc-3", "a-x-pvc-4"):
        (tmp_path / name).mkdir()
    (tmp_path / "archived-a-file").touch()
    found = fact(Archived, path=str(tmp_path), namespace="a")
    assert found == [str(tmp_path / "archived-a-x-pvc-1")]
    assert fact(Archived, path=str(tmp_path), namespace="c") == []
    assert fact(Archived, path=str(tmp_path / "none"), namespace="a") == []


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], ""),
        (["one", "two"], "two"),
        (["Get https://10.0.0.9:6443: no route to host", *["no mirror pod"] * 200],
         "Get https://10.0.0.9:6443: no route to host"),
        (["dial tcp: no route", "Get http://a/: x509", "other"], "Get http://a/: x509"),
    ],
)  # fmt: skip
def test_what_a_service_waits_for_is_the_line_that_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], told: str
) -> None:
    (tmp_path / "said").write_text("".join(f"{line}\n" for line in lines))
    program = tmp_path / "journalctl"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/said\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    command = services._last_words("k3s-agent").get_raw_value()
    done = subprocess.run(["sh", "-c", command], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == told
