"""What an NFS server exports, on a machine of the test's own: its files and etab are real ones."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from deploys.nfs import operations, render
from deploys.nfs.render import FILE, MARK
from deploys.nfs.settings import PAIRS, NfsSettings
from tests.contract.test_base_operations import (
    NOTHING,
    ROOT,
    Machine,
    Outcome,
    a_machine,
    refused,
    written,
)

WISH = NfsSettings.model_validate({"exports": [
    {"path": "/srv/a", "clients": ["*"]},
    {"path": "/srv/b", "clients": ["10.9.0.0/16", "fd00::1"],
     "options": ["ro", "anonuid=1000", "fsid=7", "crossmnt"]},
]})  # fmt: skip
EXPORTS = render.exports(WISH.exports, [])
PATHS = ["/srv/a", "/srv/b"]
LINES = [
    "# Written by whisklab (deploys/nfs); changes are undone by the next run.",
    "/srv/a *(rw,sync,no_subtree_check,no_root_squash,no_all_squash)",
    "/srv/b 10.9.0.0/16(ro,anonuid=1000,fsid=7,crossmnt) fd00::1(ro,anonuid=1000,fsid=7,crossmnt)",
]
TEXT = "\n".join(LINES) + "\n"
THEIRS = "# not ours\n/srv/theirs 10.0.0.7(rw,no_root_squash)\n"
ETAB = "/var/lib/nfs/etab"
ALL = ["exportfs", "-a"]
NOBODY, NOGROUP = 65534, 65533
# Keeps etab as exportfs of Debian 12 does: all words of an export, said or not.
EXPORTFS = f"""#!{sys.executable} -IS
import pathlib, sys
PAIRS = {PAIRS!r}
kept = pathlib.Path({ETAB!r})

def keep(entries):
    kept.parent.mkdir(exist_ok=True)
    lines = (f"{{path}}\\t{{client}}({{words}})\\n" for (path, client), words in entries.items())
    kept.write_text("".join(lines))

def words(said):
    chosen = [next((word for word in pair if word in said), pair[0]) for pair in PAIRS]
    valued = {{"anonuid": "65534", "anongid": "65534", "sec": "sys"}}
    valued |= dict(each.split("=", 1) for each in said if "=" in each)
    flags = [word for word in chosen if word in ("rw", "no_root_squash")]
    return ",".join([*chosen, *(f"{{key}}={{value}}" for key, value in valued.items()), *flags])

entries = {{}}
if kept.exists():
    for line in kept.read_text().splitlines():
        path, _, rest = line.partition("\\t")
        client, _, options = rest.rstrip(")").partition("(")
        entries[path, client] = options
if sys.argv[1] == "-u":
    client, _, path = sys.argv[2].rpartition(":")
    del entries[path, client.strip("[]")]
else:
    files = sorted(pathlib.Path("/etc/exports.d").glob("*.exports"))
    for file in (pathlib.Path("/etc/exports"), *files):
        for line in file.read_text().splitlines():
            path, *clients = line.partition("#")[0].split() or [""]
            for each in clients:
                client, _, options = each.rstrip(")").partition("(")
                entries[path, client] = words(options.split(","))
keep(entries)
"""
SYSTEMCTL = """
case $1 in
show) cat "$root/unit";;
enable) tell "$@"; sed -i 's/^UnitFileState=.*/UnitFileState=enabled/' "$root/unit";;
start) tell "$@"; sed -i 's/^ActiveState=.*/ActiveState=active/' "$root/unit"
  "$root/exportfs" -a;;
esac"""


def a_server(root: Path, *, readonly: Iterable[str] = ()) -> Machine:
    """A server that nothing was done on."""
    machine = a_machine(root, "/etc", "/var/lib", "/srv", readonly=readonly)
    machine.put("/etc/passwd", f"{ROOT}nobody:x:{NOBODY}:{NOGROUP}::/:/bin/false\nu:x:7:7::/:/\n")
    machine.put("/etc/group", f"root:x:0:\nnogroup:x:{NOGROUP}:\ng:x:7:\n")
    machine.put("/etc/exports", THEIRS)
    machine.put("/srv/theirs/file", "theirs")
    (root / "exportfs").write_text(EXPORTFS)
    (root / "exportfs").chmod(0o755)
    machine.stub("exportfs", 'tell "$@"; "$root/exportfs" "$@"')
    machine.stub("systemctl", SYSTEMCTL)
    unit(machine, "inactive", "")
    return machine


def unit(machine: Machine, active: str, enabled: str) -> None:
    (machine.root / "unit").write_text(f"ActiveState={active}\nUnitFileState={enabled}\n")


def exportfs(machine: Machine, *words: str) -> None:
    """Have it done by somebody."""
    assert not machine.sees(f"{machine.root}/exportfs {' '.join(words)}").returncode


def settle(machine: Machine) -> Machine:
    """Have it serve what it is to serve."""
    for path in PATHS:
        machine.at(path).mkdir(exist_ok=True)
        machine.at(path).chmod(0o755)
        os.chown(machine.at(path), NOBODY, NOGROUP)
    machine.put(FILE, TEXT).chmod(0o644)
    unit(machine, "active", "enabled")
    exportfs(machine, "-a")
    return machine


@pytest.fixture
def bare(tmp_path: Path) -> Machine:
    return a_server(tmp_path)


@pytest.fixture
def settled(tmp_path: Path) -> Machine:
    return settle(a_server(tmp_path))


OPERATIONS = [
    operations.writable, operations.directories, operations.exported, operations.serving
]  # fmt: skip
names = [each._inner.__name__ for each in OPERATIONS]


def same(machine: Machine) -> None:
    """Expect nothing to be left to do."""
    for operation in OPERATIONS:
        assert machine.run(operation, exports=EXPORTS) == NOTHING
    assert machine.ran() == []


def mended(machine: Machine, operation: object, *yielded: list[str]) -> None:
    """Expect these commands, and then none."""
    assert callable(operation)
    assert machine.run(operation, exports=EXPORTS) == Outcome([*yielded], [], failed=False)
    assert machine.run(operation, exports=EXPORTS) == NOTHING


def test_a_server_as_wished_is_left_alone(settled: Machine) -> None:
    before = settled.tree()
    same(settled)
    assert settled.tree() == before


def test_a_bare_machine_serves_after_one_run(bare: Machine) -> None:
    for operation in OPERATIONS:
        assert not bare.run(operation, exports=EXPORTS).failed
    bare.ran()
    same(bare)
    assert f"fsid={render.fsid('/srv/a')}" in bare.at(FILE).read_text()
    assert "/srv/theirs\t10.0.0.7(rw" in bare.at(ETAB).read_text()


@pytest.mark.parametrize("operation", OPERATIONS, ids=names)
@pytest.mark.parametrize(
    ("program", "does"),
    [
        ("systemctl", "exit 1"),
        ("systemctl", "echo Failed to connect to bus"),
        ("systemctl", "echo UnitFileState=enabled"),
        ("stat", "exit 1"),
        ("stat", "case $1 in -f) echo 'x|4096|0|0';; *) /usr/bin/stat \"$@\";; esac"),
        ("stat", "case $1 in -f) echo '1|4096|0';; *) /usr/bin/stat \"$@\";; esac"),
        ("stat", "case $1 in -c) echo 'at all';; *) /usr/bin/stat \"$@\";; esac"),
        ("sed", "echo Segmentation fault"),
    ],
)
def test_an_answer_that_is_not_understood_fails_the_machine(
    settled: Machine, operation: object, program: str, does: str
) -> None:
    assert callable(operation)
    settled.at(PATHS[0]).chmod(0o700)
    settled.at(FILE).unlink()
    settled.stub(program, does)
    refused(settled, "ServerState", operation, exports=EXPORTS)


def test_an_answer_that_is_not_understood_is_told_in_a_sentence(settled: Machine) -> None:
    settled.stub("stat", "case $1 in -c) echo 'at all';; *) /usr/bin/stat \"$@\";; esac")
    said = settled.run(operations.directories, exports=EXPORTS).said
    assert "unexpected answer of stat" in said[0]


# Directories.


@pytest.mark.parametrize("mode", [0o755, 0o775, 0o777, 0o1777, 0o2755, 0o4755])
def test_a_directory_that_lets_all_in_is_left_alone(settled: Machine, mode: int) -> None:
    settled.at("/srv/a").chmod(mode)
    assert settled.run(operations.directories, exports=EXPORTS) == NOTHING


@pytest.mark.parametrize("mode", [0, 0o700, 0o701, 0o704, 0o750, 0o751, 0o754, 0o1770, 0o2773])
@pytest.mark.parametrize("path", PATHS)
def test_a_mode_that_keeps_somebody_out_is_opened_and_no_more(
    settled: Machine, path: str, mode: int
) -> None:
    before = settled.tree()
    settled.at(path).chmod(mode)
    mended(settled, operations.directories, ["chmod", "go+rx", path])
    assert stat.S_IMODE(settled.at(path).stat().st_mode) == mode | 0o055
    settled.at(path).chmod(0o755)
    assert settled.tree() == before


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("uid", "gid"), [(0, 0), (0, NOGROUP), (NOBODY, 0), (7, 7), (1234, NOGROUP), (NOBODY, 1234)]
)
def test_another_owner_or_group_is_put_right_and_of_the_directory_alone(
    settled: Machine, path: str, uid: int, gid: int
) -> None:
    inside = settled.put(f"{path}/data/file", "data")
    os.chown(inside, 1234, 1234)
    inside.chmod(0o600)
    before = settled.tree()
    os.chown(settled.at(path), uid, gid)
    mended(settled, operations.directories, ["chown", render.OWNER, path])
    assert settled.tree() == before


def test_owner_and_mode_are_put_right_together(settled: Machine) -> None:
    before = settled.tree()
    os.chown(settled.at("/srv/b"), 0, 0)
    settled.at("/srv/b").chmod(0o700)
    chown, chmod = ["chown", render.OWNER, "/srv/b"], ["chmod", "go+rx", "/srv/b"]
    mended(settled, operations.directories, chown, chmod)
    assert settled.tree() == before


@pytest.mark.parametrize("path", PATHS)
def test_a_directory_that_is_gone_is_made_and_keeps_the_id_it_was_exported_under(
    settled: Machine, path: str
) -> None:
    before = settled.tree()
    settled.at(path).rmdir()
    install = ["install", "-d", "-o", "nobody", "-g", "nogroup", path]
    mended(settled, operations.directories, install)
    assert settled.tree() == before


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("kind", "make"),
    [
        ("regular file", "echo data > {}"), ("regular empty file", ": > {}"), ("fifo", "mkfifo {}"),
        ("symbolic link", "ln -s /srv/theirs {}"), ("symbolic link", "ln -s /nowhere {}"),
    ],
)  # fmt: skip
def test_something_else_in_its_place_is_somebodys(
    settled: Machine, path: str, kind: str, make: str
) -> None:
    settled.at(path).rmdir()
    assert not settled.sees(make.format(path)).returncode
    before = settled.tree()
    outcome = settled.run(operations.directories, exports=EXPORTS)
    sentence = f"{path} is to be exported and is a {kind}: move it away"
    assert outcome == Outcome([["fail"]], [sentence], failed=True)
    assert settled.tree() == before


def marked(outcome: Outcome) -> list[str]:
    """The marks that were made."""
    return [words[-1] for words in outcome.yielded if words[:2] == ["sh", "-c"]]


@pytest.mark.parametrize(
    ("make", "marks"),
    [
        ("rmdir /srv/a", True),
        ("true", True),
        ("mkdir /srv/a/lost+found", True),
        ("touch /srv/a/file", False),
        ("touch /srv/a/.hidden", False),
        ("touch /srv/a/..odd", False),
        ("ln -s nowhere /srv/a/link", False),
        ("rmdir /srv/a; mkdir /var/lib/nfs; touch /var/lib/nfs/etab", True),
        ("mkdir /var/lib/nfs; touch /var/lib/nfs/etab", False),
        ("echo '/srv/a 10.0.0.1(ro)' >> /etc/exports", False),
        ("mkdir /etc/exports.d; echo '/srv/a *(rw)' > /etc/exports.d/x.exports", False),
        (f"mkdir /etc/exports.d; echo '/srv/a *(rw)' > {FILE}", False),
        (f"touch /srv/a/{MARK}", False),
    ],
)
def test_only_what_nobody_can_have_mounted_gets_an_id(
    bare: Machine, make: str, marks: bool
) -> None:
    for path in PATHS:
        bare.at(path).mkdir()
        os.chown(bare.at(path), NOBODY, NOGROUP)
    assert not bare.sees(make).returncode
    before = bare.tree()
    outcome = bare.run(operations.directories, exports=EXPORTS)
    # /srv/b has an id of the data's.
    assert marked(outcome) == ([f"/srv/a/{MARK}"] if marks else [])
    assert bare.run(operations.directories, exports=EXPORTS) == NOTHING
    after = bare.tree()
    if marks:
        assert after.pop(f"/srv/a/{MARK}") == ("0o100644", 0, 0, b"")
    after["/srv/a"] = before.get("/srv/a", after["/srv/a"])
    assert after == {"/srv/a": after["/srv/a"], **before}


def test_directories_on_a_disk_that_is_read_only_are_left_alone(tmp_path: Path) -> None:
    """May they belong to whoever; `writable` tells of those that are exported for writing."""
    machine = settle(a_server(tmp_path, readonly=["/srv/a", "/srv/b"]))
    for path in PATHS:
        os.chown(machine.at(path), 0, 0)
        machine.at(path).chmod(0o700)
    assert machine.run(operations.directories, exports=EXPORTS) == NOTHING


# Exports.


def options_of(path: str) -> list[str]:
    """As they are wished for the first client of a path."""
    return list(next(options for entry, options in EXPORTS.items() if entry.path == path))


def kept_as(machine: Machine, path: str, options: list[str]) -> None:
    """Have etab say that the first client of a path has these options, as exportfs says it."""
    line = LINES[1 + PATHS.index(path)]
    first = line.split()[1]
    client = first.partition("(")[0]
    machine.put(FILE, f"{path} {client}({','.join(options)})\n")
    exportfs(machine, "-a")
    machine.put(FILE, TEXT).chmod(0o644)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("pair", PAIRS, ids="/".join)
def test_each_word_that_is_exported_otherwise_is_exported_anew(
    settled: Machine, path: str, pair: tuple[str, str]
) -> None:
    before = settled.tree()
    said = [word for word in options_of(path) if word not in pair]
    wished = next((word for word in options_of(path) if word in pair), pair[0])
    kept_as(settled, path, [*said, pair[0] if wished == pair[1] else pair[1]])
    assert settled.tree() != before
    mended(settled, operations.exported, ALL)
    assert settled.ran() == [ALL]
    assert settled.tree() == before


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("/srv/a", ["anonuid=7"]), ("/srv/a", ["anongid=7"]), ("/srv/a", ["fsid=9"]),
        ("/srv/a", ["sec=krb5"]), ("/srv/a", ["mountpoint=/srv"]), ("/srv/a", ["mp=/srv"]),
        ("/srv/a", ["refer=/x@h"]), ("/srv/a", ["replicas=/x@h"]), ("/srv/a", ["fsid=root"]),
        ("/srv/b", ["fsid=8"]), ("/srv/b", ["fsid=0"]), ("/srv/b", ["anonuid=65534"]),
        ("/srv/b", ["anongid=1000"]),
    ],
)  # fmt: skip
def test_each_option_with_another_value_is_exported_anew(
    settled: Machine, path: str, options: list[str]
) -> None:
    before = settled.tree()
    keys = {each.partition("=")[0] for each in options}
    kept = [each for each in options_of(path) if each.partition("=")[0] not in keys]
    kept_as(settled, path, [*kept, *options])
    assert settled.tree() != before
    mended(settled, operations.exported, ALL)
    assert settled.tree() == before


@pytest.mark.parametrize("option", ["anonuid=1000", "fsid=7", "crossmnt"])
def test_each_option_that_lacks_is_exported_anew(settled: Machine, option: str) -> None:
    before = settled.tree()
    kept_as(settled, "/srv/b", [each for each in options_of("/srv/b") if each != option])
    assert settled.tree() != before
    mended(settled, operations.exported, ALL)
    assert settled.tree() == before


@pytest.mark.parametrize("entry", EXPORTS, ids=str)
def test_each_client_that_lacks_is_exported_to_again(settled: Machine, entry: render.Entry) -> None:
    before = settled.tree()
    exportfs(settled, "-u", f"'{entry}'")
    mended(settled, operations.exported, ALL)
    assert settled.ran() == [ALL]
    # etab is in the order of exporting.
    assert sorted(settled.at(ETAB).read_text()) == sorted(before[ETAB][3].decode())


def told(machine: Machine, operation: Callable[..., Any]) -> list[str]:
    """Return what the plan of an operation says."""
    return [each.text for each in machine.run(operation, exports=EXPORTS).why]


def test_what_is_exported_counts_not_only_the_file_and_why_is_told(settled: Machine) -> None:
    exportfs(settled, "-u", "'*:/srv/a'")
    assert told(settled, operations.exported) == ["/srv/a is not exported to *"]
    kept_as(settled, "/srv/a", ["ro", "no_subtree_check"])
    assert told(settled, operations.exported) == ["/srv/a is exported to * with other options"]
    assert told(settled, operations.exported) == []


LINE_CHANGES = {
    "no header": LINES[1:], "other header": ["# Written by hand", *LINES[1:]],
    "no first": [LINES[0], LINES[2]], "no last": LINES[:2], "other order": LINES[::-1],
    "no options": [*LINES[:2], LINES[2].replace("anonuid=1000,", "")],
    "fewer clients": [*LINES[:2], LINES[2].rpartition(" ")[0]],
    "other words": [LINES[0], LINES[1].replace("rw", "ro"), LINES[2]],
    "same words otherwise": [LINES[0], LINES[1].replace("rw,sync", "sync,rw"), LINES[2]],
    "a comment": [*LINES, "# theirs"], "empty": [], "twice": [*LINES, *LINES[1:]],
}  # fmt: skip


@pytest.mark.parametrize("lines", LINE_CHANGES.values(), ids=list(LINE_CHANGES))
def test_a_file_that_differs_is_written_and_exported(settled: Machine, lines: list[str]) -> None:
    before = settled.tree()
    settled.put(FILE, "".join(f"{line}\n" for line in lines))
    mended(settled, operations.exported, written(FILE, TEXT), ALL)
    assert settled.ran() == [ALL]
    assert settled.tree() == before


def test_a_file_that_is_not_there_is_made_with_its_directory(settled: Machine) -> None:
    before = settled.tree()
    settled.at(FILE).unlink()
    settled.at(FILE).parent.rmdir()
    mended(settled, operations.exported, written(FILE, TEXT), ALL)
    assert settled.tree() == before


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_while_the_service_is_down_only_the_file_is_compared(settled: Machine, state: str) -> None:
    unit(settled, state, "enabled")
    settled.at(ETAB).write_text("")
    assert settled.run(operations.exported, exports=EXPORTS) == NOTHING
    settled.put(FILE, "")
    mended(settled, operations.exported, written(FILE, TEXT))
    assert settled.ran() == []


LEFT = ["/srv/old 10.0.0.9(rw)", "/srv/old fd00::9(rw)", "/srv/a 10.0.0.9(rw)", "/srv/b *(ro)"]
UNEXPORTED = ["10.0.0.9:/srv/old", "[fd00::9]:/srv/old", "10.0.0.9:/srv/a", "*:/srv/b"]


@pytest.mark.parametrize("active", ["active", "inactive"])
@pytest.mark.parametrize(("line", "entry"), list(zip(LEFT, UNEXPORTED, strict=True)))
def test_what_left_the_data_is_unexported_first(
    settled: Machine, line: str, entry: str, active: str
) -> None:
    before = settled.tree()
    settled.put(FILE, f"{TEXT}{line}\n")
    exportfs(settled, "-a")
    unit(settled, active, "enabled")
    end = [ALL] if active == "active" else []
    gone = ["exportfs", "-u", entry]
    mended(settled, operations.exported, gone, written(FILE, TEXT), *end)
    assert settled.ran() == [gone, *end]
    assert settled.tree() == before


@pytest.mark.parametrize("file", ["/etc/exports", "/etc/exports.d/theirs.exports"])
def test_what_somebody_else_exports_too_is_not_unexported(settled: Machine, file: str) -> None:
    settled.put(file, f"{THEIRS}{LEFT[0]}\n")
    settled.put(FILE, f"{TEXT}{LEFT[0]}\n")
    exportfs(settled, "-a")
    before = settled.tree()
    mended(settled, operations.exported, written(FILE, TEXT), ALL)
    assert settled.ran() == [ALL]
    assert settled.tree() == {**before, FILE: (*before[FILE][:3], TEXT.encode())}


def test_what_left_the_data_and_is_not_exported_is_only_dropped(settled: Machine) -> None:
    settled.put(FILE, f"{TEXT}{LEFT[0]}\n")
    mended(settled, operations.exported, written(FILE, TEXT), ALL)
    assert settled.ran() == [ALL]


def test_what_somebody_exports_by_hand_stays(settled: Machine) -> None:
    with settled.at(ETAB).open("a") as etab:
        etab.write("/srv/by-hand\t10.0.0.3(ro)\n")
    before = settled.tree()
    same(settled)
    settled.put(FILE, "")
    mended(settled, operations.exported, written(FILE, TEXT), ALL)
    assert settled.tree() == before


OTHERWISE = [
    "/srv/a *(ro)", "/srv/a *(rw)", "/srv/a *", "/srv/b 10.9.0.0/16(ro,fsid=8)",
    "/srv/b fd00::1(ro,anonuid=1000,fsid=7)", "/x y(ro) \\\n\n/srv/a z(ro) *(ro)",
]  # fmt: skip


@pytest.mark.parametrize("file", ["/etc/exports", "/etc/exports.d/theirs.exports"])
@pytest.mark.parametrize("line", OTHERWISE)
def test_an_export_that_somebody_has_otherwise_fails_the_machine(
    settled: Machine, file: str, line: str
) -> None:
    settled.put(file, f"{THEIRS}{line}\n")
    for text in (TEXT, f"{TEXT}{LEFT[0]}\n"):
        settled.put(FILE, text)
        before = settled.tree()
        outcome = settled.run(operations.exported, exports=EXPORTS)
        assert (outcome.yielded, outcome.failed) == ([["fail"]], True)
        assert len(outcome.said) == 1
        assert outcome.said[0].startswith(f"{file} exports /srv/{'b' if '/srv/b' in line else 'a'}")
        assert (settled.tree(), settled.ran()) == (before, [])


def test_an_export_that_somebody_has_in_other_words_is_no_contradiction(settled: Machine) -> None:
    line = "/srv/a *(no_all_squash,no_root_squash,rw,hide) 10.0.0.4(ro)  # theirs"
    settled.put("/etc/exports", f"{THEIRS}{line}\n")
    assert settled.run(operations.exported, exports=EXPORTS) == NOTHING


def test_an_export_with_an_id_of_its_own_has_it_in_the_file(settled: Machine) -> None:
    settled.put(f"/srv/a/{MARK}", "")
    settled.put(f"/srv/b/{MARK}", "")  # its id is the data's
    text = TEXT.replace("no_all_squash)", f"no_all_squash,fsid={render.fsid('/srv/a')})")
    mended(settled, operations.exported, written(FILE, text), ALL)
    assert f"fsid={render.fsid('/srv/a')}" in settled.at(ETAB).read_text()
    assert f"fsid={render.fsid('/srv/b')}" not in settled.at(ETAB).read_text()


@pytest.mark.parametrize("file", ["/etc/exports", "/etc/exports.d/theirs.exports"])
@pytest.mark.parametrize("served", [True, False])
def test_somebodys_file_without_a_last_newline_is_read_like_any_other(
    settled: Machine, file: str, *, served: bool
) -> None:
    settled.put(file, THEIRS.rstrip("\n"))
    if served:  # our exports are the first in etab
        settled.put(ETAB, "".join(settled.at(ETAB).read_text().splitlines(keepends=True)[::-1]))
    else:
        settled.at(ETAB).unlink()
        unit(settled, "inactive", "enabled")
    for operation in (operations.directories, operations.exported):
        assert settled.run(operation, exports=EXPORTS) == NOTHING


def test_our_file_without_a_last_newline_hides_no_contradiction(settled: Machine) -> None:
    settled.put("/etc/exports", f"{OTHERWISE[0]}\n")
    settled.put(FILE, TEXT.rstrip("\n"))
    assert settled.run(operations.exported, exports=EXPORTS).failed


@pytest.mark.parametrize("name", ["a|b", "a&b", "a b"])
def test_somebodys_file_of_any_name_is_read(settled: Machine, name: str) -> None:
    file = f"/etc/exports.d/{name}.exports"
    settled.put(file, f"{OTHERWISE[0]}\n")
    outcome = settled.run(operations.exported, exports=EXPORTS)
    assert outcome.failed
    assert outcome.said[0].startswith(f"{file} exports /srv/a")


@pytest.mark.parametrize("mode", ["", "rwxr-xr-x", "789"])
def test_a_mode_that_is_no_number_fails_the_machine(settled: Machine, mode: str) -> None:
    answer = f'echo "at $3|directory|nobody:nogroup|{mode}"'
    settled.stub("stat", f'case $1 in -c) {answer};; *) /usr/bin/stat "$@";; esac')
    refused(settled, "ServerState", operations.directories, exports=EXPORTS)


# The service.

ENABLE = ["systemctl", "enable", "--quiet", "--", "nfs-server"]
START = ["systemctl", "start", "--", "nfs-server"]


@pytest.mark.parametrize(
    "active", ["active", "inactive", "failed", "deactivating", "activating", ""]
)
@pytest.mark.parametrize("enabled", ["enabled", "disabled", "enabled-runtime", "indirect", ""])
def test_the_service_is_enabled_and_started_if_it_is_not(
    settled: Machine, active: str, enabled: str
) -> None:
    before = settled.tree()
    unit(settled, active, enabled)
    wanted = [
        *([] if enabled == "enabled" else [ENABLE]),
        *([] if active == "active" else [START]),
    ]
    mended(settled, operations.serving, *wanted)
    assert settled.ran() == wanted
    assert settled.tree() == before


def test_a_stopped_service_is_told(settled: Machine) -> None:
    unit(settled, "inactive", "disabled")
    assert told(settled, operations.serving) == ["it does not run", "it is not enabled"]
    unit(settled, "inactive", "enabled")
    assert told(settled, operations.serving) == ["it does not run"]
    assert told(settled, operations.serving) == []


@pytest.mark.parametrize("verb", ["enable", "start"])
def test_a_service_that_cannot_be_had_fails_the_machine(settled: Machine, verb: str) -> None:
    unit(settled, "inactive", "masked")
    why = f"case $1 in {verb}) echo 'Unit nfs-server.service is masked.' >&2; exit 1;; esac"
    settled.stub("systemctl", f"{why}\n{SYSTEMCTL}")
    outcome = settled.run(operations.serving, exports=EXPORTS)
    assert (outcome.said, outcome.failed) == (["Unit nfs-server.service is masked."], True)


# Room.


def disks(machine: Machine, **answers: str) -> None:
    """Have `stat -f` say this of directories of /srv."""
    cases = " ".join(f"/srv/{name}) echo '{answer}'; exit;;" for name, answer in answers.items())
    machine.stub("stat", f'test "$1" != -f || case $4 in {cases} esac\n/usr/bin/stat "$@"')


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("256|4096|9|9", None), ("1|1048576|0|0", None), ("256|4096|9|1", None),
        ("255|4096|9|9", "is on a full disk, 1020 kB are free"),
        ("0|4096|9|9", "is on a full disk, 0 kB are free"),
        ("256|4095|9|9", "is on a full disk, 1023 kB are free"),
        ("256|4096|9|0", "is on a disk that can have no more files (inodes)"),
    ],
)  # fmt: skip
def test_a_disk_without_room_fails_the_machine(
    settled: Machine, answer: str, why: str | None
) -> None:
    before = settled.tree()
    disks(settled, a=answer, b="0|4096|9|0")  # /srv/b is for reading
    outcome = settled.run(operations.writable, exports=EXPORTS)
    if why is None:
        assert outcome == NOTHING
    else:
        assert (outcome.yielded, outcome.failed) == ([["fail"]], True)
        assert len(outcome.said) == 2  # by the plan, and as it is executed
        assert {each.startswith(f"@local: /srv/a {why}") for each in outcome.said} == {True}
    assert settled.tree() == before
    disks(settled, a="256|4096|9|9")
    assert settled.run(operations.writable, exports=EXPORTS) == NOTHING


@pytest.mark.parametrize(("readonly", "fits"), [("/srv/a", False), ("/srv/b", True)])
def test_a_disk_that_is_read_only_may_only_be_read(
    tmp_path: Path, readonly: str, fits: bool
) -> None:
    machine = settle(a_server(tmp_path, readonly=[readonly]))
    outcome = machine.run(operations.writable, exports=EXPORTS)
    if fits:
        assert outcome == NOTHING
    else:
        assert (outcome.yielded, outcome.failed) == ([["fail"]], True)
        assert {"/srv/a is on a disk that is read-only" in each for each in outcome.said} == {True}
    reading = dict.fromkeys(EXPORTS, ("ro",))
    assert machine.run(operations.writable, exports=reading) == NOTHING


def test_the_disk_of_a_directory_that_is_not_there_yet_is_the_one_above(tmp_path: Path) -> None:
    machine = a_server(tmp_path, readonly=["/srv"])
    wish = {render.Entry("/srv/deep/er", "*"): ("rw",)}
    outcome = machine.run(operations.writable, exports=wish)
    assert (outcome.yielded, outcome.failed) == ([["fail"]], True)
    assert {"/srv/deep/er is on a disk that is read-only" in x for x in outcome.said} == {True}
