"""Control groups: which hierarchies there are, and what is done in each."""

from __future__ import annotations

from pathlib import Path

import pytest

from whisklab.errors import WhisklabError
from whisklab.lab.providers.nspawn import cgroup

V1 = """\
tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0
cgroup /sys/fs/cgroup/pids cgroup ro,pids 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
"""
V2 = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n"


def test_version_1_with_a_unified_tree_beside_it() -> None:
    found = cgroup.parse(V1)
    assert found.version == cgroup.V1
    assert found.groups("x", "a") == [
        Path("/sys/fs/cgroup/cpu,cpuacct/whisklab/x/a"),
        Path("/sys/fs/cgroup/cpuset/whisklab/x/a"),
        Path("/sys/fs/cgroup/unified/whisklab/x/a"),
    ]


def test_version_2() -> None:
    found = cgroup.parse(V2)
    assert (found.version, found.mounts) == (cgroup.V2, (Path("/sys/fs/cgroup"),))


def test_none_is_told() -> None:
    with pytest.raises(WhisklabError, match="no writable cgroup file system"):
        cgroup.parse("proc /proc proc rw 0 0\n")


def test_an_empty_cpuset_is_filled_from_above(tmp_path: Path) -> None:
    """The kernel makes these files in each new group; here the test does."""
    (tmp_path / "cpuset.cpus").write_text("0-1\n")
    (tmp_path / "cpuset.mems").write_text("0\n")
    group = tmp_path / "whisklab/x/a"
    group.mkdir(parents=True)
    for directory in (group, group.parent, group.parent.parent):
        (directory / "cpuset.cpus").write_text("\n")
        (directory / "cpuset.mems").write_text("\n")
    cgroup.make(group, cgroup.V1)
    assert (group / "cpuset.cpus").read_text() == "0-1\n"
    assert (group / "cpuset.mems").read_text() == "0\n"


def test_every_controller_is_delegated_in_version_2(tmp_path: Path) -> None:
    group = tmp_path / "whisklab/x/a"
    group.mkdir(parents=True)
    for directory in (tmp_path, group.parent, group.parent.parent):
        (directory / "cgroup.controllers").write_text("cpu memory pids\n")
        (directory / "cgroup.subtree_control").write_text("memory\n")
    cgroup.make(group, cgroup.V2)
    for directory in (tmp_path, group.parent, group.parent.parent):
        assert (directory / "cgroup.subtree_control").read_text() == "+cpu +pids"


def test_members_are_those_of_the_groups_below_too(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "cgroup.procs").write_text("1\n0\n")
    (tmp_path / "a/b/cgroup.procs").write_text("2\n3\n")
    assert cgroup.members(tmp_path) == {1, 2, 3}
    assert cgroup.members(tmp_path / "gone") == set()
