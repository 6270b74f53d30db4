"""install.py for what a person meets: another Python, parts, directories. Nothing is installed."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from whisklab.bundle import install

FILE = Path(install.__file__)


def test_it_imports_nothing_but_the_library() -> None:
    tree = ast.parse(FILE.read_text())
    names = {
        (each.module or "" if isinstance(each, ast.ImportFrom) else each.names[0].name)
        for each in ast.walk(tree)
        if isinstance(each, ast.Import | ast.ImportFrom)
    }
    assert {each.partition(".")[0] for each in names} <= sys.stdlib_module_names


def test_an_older_python_can_read_it_to_its_sentence() -> None:
    ast.parse(FILE.read_text(), feature_version=(3, 8))


def test_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert install.here()[1] == "linux-riscv64"
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.setattr("sys.maxsize", 2**31 - 1)
    assert install.here()[1] == "linux-32bit"


@pytest.mark.parametrize(
    ("found", "oldest", "right"),
    [
        ("glibc 2.28", "glibc 2.28", True),
        ("glibc 2.36", "glibc 2.28", True),
        ("glibc 2.4", "glibc 2.28", False),
        ("glibc 3.0", "glibc 2.28", True),
        ("", "glibc 2.28", False),
        ("macOS 14.1.2", "macOS 11.0", True),
        ("macOS 10.15", "macOS 11.0", False),
    ],
)
def test_systems_are_compared(found: str, oldest: str, *, right: bool) -> None:
    assert install.is_new_enough(found, oldest) is right


def test_parts_are_one_file(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9
    files = [tmp_path / f"a.bundle.{number:03d}" for number in (1, 2, 3)]
    for number, file in enumerate(files):
        file.write_bytes(data[number * 1000 : (number + 1) * 1000])
    whole = tmp_path / "a.bundle"
    for given in (whole, files[0], files[1]):
        assert install.parts(given) == files
    with io.BufferedReader(install.Joined(files)) as joined:
        assert joined.read() == data
        joined.seek(990)
        assert joined.read(1020) == data[990:2010]
        joined.seek(-5, 2)
        assert joined.read() == data[-5:]
    files[1].unlink()
    with pytest.raises(install.Stop, match=r"a\.bundle\.002: this part is missing, and a\.bundle"):
        install.parts(whole)
    whole.write_bytes(data)
    assert install.parts(whole) == [whole]
    with pytest.raises(install.Stop, match="no such bundle"):
        install.parts(tmp_path / "b.bundle")


def test_directories(tmp_path: Path) -> None:
    new = tmp_path / "one/two"
    install.begin(new, "a")
    (new / "half").write_text("x")
    install.begin(new, "a")
    assert (new / "half").exists()
    with pytest.raises(install.Stop, match="holds a try with another bundle"):
        install.begin(new, "b")
    (new / install.MARK).unlink()
    with pytest.raises(install.Stop, match="is not empty: name a new directory"):
        install.begin(new, "a")
    with pytest.raises(install.Stop, match="is a file"):
        install.begin(new / "half", "a")
    (tmp_path / "empty").mkdir()
    install.begin(tmp_path / "empty", "a")


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "link"])
def test_nothing_is_written_elsewhere(tmp_path: Path, name: str) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as file:
        info = tarfile.TarInfo(name)
        if name == "link":
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(info)
    with pytest.raises(install.Stop, match="is no file that whisklab has"):
        install.unpack(archive.getvalue(), tmp_path / "there")
    assert list(tmp_path.rglob("out")) == []


def test_what_is_no_bundle(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    for data in (b"", b"x" * 5000, bytes(2048)):
        empty.write_bytes(data)
        done = subprocess.run([sys.executable, str(FILE), str(empty), str(tmp_path / "new")],
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode in (1, 2)
        assert done.stderr.startswith(f"install.py: {empty}: "), done.stderr
        assert not (tmp_path / "new").exists()
