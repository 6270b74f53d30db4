"""What of a checkout a bundle carries: what git tracks, as it is now, and nothing private."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from tests.contract.bundle.checkout import commit, git
from whisklab.bundle import tool
from whisklab.errors import BadInput

LONG = f"deploys/{'long-' * 30}/name.py"
FILES = {
    "pyproject.toml": b'[project]\nname = "whisklab"\n', "requirements.lock": b"",
    ".gitignore": b".secrets/\n", "group_data/lab.py": b"a = 1\n", "files/run": b"#!/bin/sh\n",
    LONG: b"", "group_data/\xe4 b.py".encode().decode(): b"c = 1\n",
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout in which all is committed."""
    there = tmp_path / "checkout"
    for name, data in FILES.items():
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_bytes(data)
    (there / "files/run").chmod(0o755)
    (there / ".secrets/lab").mkdir(parents=True)
    (there / ".secrets/lab/token").write_text("secret")
    git(there, "init", "--quiet")
    commit(there)
    return there


def held(found: tool.Archive) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(found.data)) as archive:
        assert {(each.uid, each.mtime, each.isfile()) for each in archive} == {(0, 0, True)}
        files = {each.name: archive.extractfile(each) for each in archive}
        return {name: file.read() for name, file in files.items() if file}


def test_all_that_git_tracks(root: Path) -> None:
    found = tool.archive(root)
    assert held(found) == FILES
    assert found.notes == []
    assert found.commit == git(root, "rev-parse", "HEAD").strip()
    with tarfile.open(fileobj=io.BytesIO(found.data)) as archive:
        modes = {each.name: each.mode for each in archive}
    assert modes.pop("files/run") == 0o755
    assert set(modes.values()) == {0o644}


def test_the_same_files_are_the_same_bytes(root: Path) -> None:
    before = tool.archive(root).data
    for each in root.rglob("*.py"):
        os.utime(each, (5, 5))
        each.chmod(0o640)
    assert tool.archive(root).data == before


def test_what_is_other_is_said(root: Path) -> None:
    (root / "group_data/lab.py").write_text("a = 2\n")
    (root / "inventories").mkdir()
    (root / "inventories/mine.py").write_text("")
    (root / "lab.bundle").write_text("")  # no data of a deploy
    (root / "files/staged").write_text("")
    git(root, "add", "files/staged")
    git(root, "add", "--force", ".secrets/lab/token")
    found = tool.archive(root)
    files = held(found)
    assert files["group_data/lab.py"] == b"a = 2\n"
    assert files.keys() == {*FILES, "files/staged"}
    short = found.commit[:12]
    assert found.notes == [
        ".secrets/lab/token: is tracked by git, and private: it is left out",
        f".secrets/lab/token: is carried as it is here, and commit {short} has it otherwise",
        f"files/staged: is carried as it is here, and commit {short} has it otherwise",
        f"group_data/lab.py: is carried as it is here, and commit {short} has it otherwise",
        "inventories/mine.py: is left out, for git does not track it: `git add` it if it belongs",
    ]


def test_locks_that_the_build_wrote_go_in_tracked_or_not(root: Path) -> None:
    names = ["files/catalogue.lock.yaml", "files/catalogue.images.lock.yaml"]
    locks = [*map(Path, names), Path("files/never-written.yaml"), Path("../beside.yaml")]
    (root / "../beside.yaml").write_text("")
    for each in names:
        (root / each).write_text(f"of: {each}\n")
    commit(root, names[0])
    (root / names[0]).write_text("written anew\n")
    before, found = tool.archive(root), tool.archive(root, locks)
    assert held(before).keys() == {*FILES, names[0]}
    assert held(found) == {
        **FILES, names[0]: b"written anew\n", names[1]: f"of: {names[1]}\n".encode()
    }  # fmt: skip
    short = found.commit[:12]
    assert found.notes == [
        f"{names[0]}: is carried as it is here, and commit {short} has it otherwise",
        f"{names[1]}: is carried, and git does not track it: `git add` it for others, too",
    ]


def test_what_cannot_be_carried_is_named_all_at_once(root: Path) -> None:
    (root / "files/run").unlink()
    (root / "group_data/out.py").symlink_to("/etc/hostname")
    (root / "group_data/private.py").symlink_to("../.secrets/lab/token")
    (root / "group_data/other.py").symlink_to("lab.py")
    git(root, "add", "group_data")
    with pytest.raises(BadInput) as raised:
        tool.archive(root)
    out = "leads out of what is carried: have a file in its place"
    assert str(raised.value).splitlines() == [
        f"{root}/files/run: is tracked by git and not there: `git restore` it, or `git rm` it",
        f"{root}/group_data/out.py: {out}",
        f"{root}/group_data/private.py: {out}",
    ]
    git(root, "restore", "files/run")
    git(root, "rm", "--quiet", "--force", "group_data/out.py", "group_data/private.py")
    assert held(tool.archive(root))["group_data/other.py"] == FILES["group_data/lab.py"]


def test_a_submodule_is_not_carried(root: Path) -> None:
    digest = git(root, "rev-parse", "HEAD").strip()
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{digest},files/module")
    with pytest.raises(BadInput, match=r"files/module: is a submodule"):
        tool.archive(root)


def test_what_is_no_checkout(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tool.why_none(root) is None
    inner = root / "inner"
    inner.mkdir()
    assert tool.why_none(inner) == "it was not built in a checkout of whisklab"
    for name in ("pyproject.toml", "requirements.lock"):
        (inner / name).write_bytes(FILES[name])
    assert tool.why_none(inner) == "it was not built at the top of a git checkout"
    monkeypatch.setenv("PATH", str(root))
    assert "in a git checkout" in (tool.why_none(root) or "")
