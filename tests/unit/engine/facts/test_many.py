"""Many facts by one command say what each says by itself."""

from __future__ import annotations

import hashlib
import os
import random
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import FactProcessError
from pyinfra.api.command import StringCommand

from whisklab.engine.facts.many import Many
from whisklab.engine.facts.question import Question
from whisklab.engine.resources import placed, units
from whisklab.engine.resources.packages import InstalledPackages
from whisklab.engine.resources.paths import Stat
from whisklab.engine.resources.placed import PlacedFile
from whisklab.engine.resources.units import Service


def setuid(path: Path) -> None:
    path.write_bytes(b"\0\n")
    path.chmod(0o4711)


def linked(path: Path) -> None:
    Path(f"{path}.to").write_text("x")
    path.symlink_to(f"{path}.to")


MAKE: dict[str, Callable[[Path], object]] = {
    "nothing": lambda _: None,
    "file": lambda path: path.write_text("text\n"),
    "empty": lambda path: path.touch(mode=0o600),
    "other mode": setuid,
    "directory": lambda path: path.mkdir(),
    "link to a file": linked,
    "link to a directory": lambda path: path.symlink_to("/"),
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "link to a device": lambda path: path.symlink_to("/dev/null"),
    "pipe": os.mkfifo,
}  # fmt: skip
ODD = ("a b", "it's", "$HOME", "`x`", "*", "ü", "-n", "a|b|1|c")


def printed(command: StringCommand) -> tuple[int, list[str]]:
    done = subprocess.run(
        ["sh", "-c", command.get_raw_value()], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout.splitlines()


def alone(fact: type[Many[Any]], **given: Any) -> Any:
    code, output = printed(Question.of(fact, **given).command())
    assert code == 0
    return fact().process(output) if output else fact.default()


def together(fact: type[Many[Any]], each: list[dict[str, Any]]) -> list[Any]:
    code, output = printed(fact.together(each))
    assert code == 0
    parts = fact.apart(output, each)
    return [fact().process(part) if part else fact.default() for part in parts]


def test_files_of_every_kind(tmp_path: Path) -> None:
    seed = secrets.randbelow(100_000)
    print(f"seed {seed}")
    drawn = random.Random(seed)  # noqa: S311  no secret
    kinds = [*MAKE, *drawn.choices(list(MAKE), k=30)]
    drawn.shuffle(kinds)
    each = []
    for number, kind in enumerate(kinds):
        path = tmp_path / f"{number}{drawn.choice(ODD)}"
        MAKE[kind](path)
        each.append({"path": str(path)})
    assert together(Stat, each) == [alone(Stat, **one) for one in each]
    assert together(Stat, each[:1]) == [alone(Stat, **each[0])]


def test_a_name_that_a_sum_is_printed_with_in_another_way_is_no_answer(tmp_path: Path) -> None:
    for name in ("back\\slash", "two\nlines"):
        path = tmp_path / name
        path.write_text("x")
        _, output = printed(Stat.together([{"path": str(path)}]))
        with pytest.raises(FactProcessError):
            Stat.apart(output, [{"path": str(path)}])


@pytest.mark.parametrize(
    "output",
    [
        ["regular file|root:root|644|/other"],
        ["regular file|root:root|644"],
        ["Welcome to worker1"],
        ["0" * 64 + "  /other"],
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(output: list[str]) -> None:
    with pytest.raises(FactProcessError):
        Stat.apart(output, [{"path": "/one"}, {"path": "/two"}])


@pytest.mark.parametrize("program", ["stat", "sha256sum"])
def test_it_fails_where_it_cannot_answer_for_one(tmp_path: Path, program: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text("x")
    broken = tmp_path / "bin" / program
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nfor last; do :; done; case $last in */two) exit 1;; esac\n")
    broken.chmod(0o755)
    command = Stat.together([{"path": str(tmp_path / name)} for name in ("one", "two")])
    text = f"PATH={broken.parent}:$PATH; {command.get_raw_value()}"
    assert subprocess.run(["sh", "-c", text], capture_output=True, check=False).returncode != 0


def test_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a memory of their digests and without, and known by the archives they came from."""
    notes = tmp_path / "unpacked"
    monkeypatch.setattr(placed, "UNPACKED", str(notes))
    notes.mkdir()
    each = []
    for number, kind in enumerate(MAKE):
        path = tmp_path / f"{number} big"
        MAKE[kind](path)
        each.append({"path": str(path)})
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "0" * 64
        old = sha256 if number % 3 else "1" * 64
        (notes / str(path).replace("/", "_")).write_text(f"{old} {'a' * 64}\n")
    first = together(PlacedFile, each)
    assert first == [alone(PlacedFile, **one) for one in each] == together(PlacedFile, each)
    assert {len(found.digests) for found in first} == {0, 1, 2}
    Path(each[1]["path"]).write_text("changed")
    assert together(PlacedFile, each)[1] == alone(PlacedFile, **each[1]) != first[1]


@pytest.mark.parametrize(
    "output",
    [
        ["0" * 64 + "|644 root:root||/other"],
        ["|644 root:root||/one"],  # there is no sum
        ["0" * 64 + "|644 root:root|/one"],
        ["Welcome to worker1"],
    ],
)
def test_what_is_no_answer_is_not_taken_for_a_file(output: list[str]) -> None:
    with pytest.raises(FactProcessError):
        PlacedFile.apart(output, [{"path": "/one"}, {"path": "/two"}])


SYSTEMCTL = """#!/bin/sh
test "$1 $2 $4" = "show -p --" || exit 2
shift 4
for each; do
  test -n "$first" && echo
  first=no
  case $each in gone) load=not-found active=inactive;; *) load=loaded active=active;; esac
  printf 'LoadState=%s\nActiveState=%s\nUnitFileState=%s\nNeedDaemonReload=no\n' \
    "$load" "$active" "$(test "$each" = gone || echo enabled)"
done
"""


def test_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of systemctl there is a double, since not every machine that tests has a systemd."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").write_text(SYSTEMCTL)
    (tmp_path / "bin/systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(units, "RECORDS", str(tmp_path))
    (tmp_path / "one.started").write_text(f"{'0' * 64}  /etc/a\n{'1' * 64}  /etc/b c\n")
    (tmp_path / "other.started").write_text("")
    names = ("one", "gone", "other", "bare")
    each: list[dict[str, Any]] = [{"service": name} for name in names]
    found = together(Service, each)
    assert found == [alone(Service, **one) for one in each]
    assert found[0].started_from == {"/etc/a": "0" * 64, "/etc/b c": "1" * 64}
    assert [one.active for one in found] == ["active", "inactive", "active", "active"]
    assert together(Service, each[:1]) == found[:1]


@pytest.mark.parametrize(
    "output",
    [
        ["ActiveState=active", "record of one"],
        ["ActiveState=active", "record of one", "record of two"],
        ["ActiveState=active", "", "ActiveState=active", "record of two", "record of one"],
        [],
    ],
)
def test_what_is_no_answer_is_not_taken_for_a_service(output: list[str]) -> None:
    with pytest.raises(FactProcessError):
        Service.apart(output, [{"service": "one"}, {"service": "two"}])


def test_packages() -> None:
    each: list[dict[str, Any]] = [
        {"packages": ["dpkg", "no-such-package"]}, {"packages": ["dpkg", "coreutils"]},
        {"packages": ["no-such-package"]}, {"packages": []},
    ]  # fmt: skip
    found = together(InstalledPackages, each)
    assert found == [{"dpkg"}, {"dpkg", "coreutils"}, set(), set()]
