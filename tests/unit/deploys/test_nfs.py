"""What the NFS server exports: settings, the file, and what differs from what is exported."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pyinfra.api import FactProcessError

from deploys.nfs import disks, render
from deploys.nfs.disks import Disk
from deploys.nfs.facts import Place, Server, ServerState
from deploys.nfs.render import Entry
from deploys.nfs.settings import NfsSettings

# As exportfs of Debian 12 keeps the default export.
ETAB = (
    "/var/nfs/kubedata\t*(rw,sync,wdelay,hide,nocrossmnt,secure,no_root_squash,no_all_squash,"
    "no_subtree_check,secure_locks,acl,no_pnfs,anonuid=65534,anongid=65534,sec=sys,rw,secure,"
    "no_root_squash,no_all_squash)\n"
)


def settings(*exports: dict[str, Any]) -> NfsSettings:
    return NfsSettings.model_validate({"exports": list(exports)})


def entries(*exports: dict[str, Any]) -> dict[Entry, tuple[str, ...]]:
    return render.exports(settings(*exports).exports, ["10.0.0.11", "10.0.0.12"])


DEFAULT = render.exports(NfsSettings().exports, [])


def test_the_default_is_one_directory_for_everybody() -> None:
    lines = render.exports_file(DEFAULT).splitlines()
    assert lines[1:] == [
        "/var/nfs/kubedata *(rw,sync,no_subtree_check,no_root_squash,no_all_squash)"
    ]
    assert render.parse(render.exports_file(DEFAULT)) == DEFAULT
    assert render.exports_file({}) == render.HEADER


def test_the_cluster_is_each_of_its_machines() -> None:
    wish = entries({"path": "/a", "clients": ["cluster", "10.9.0.0/16"], "options": ["ro"]})
    assert render.exports_file(wish).splitlines()[1] == (
        "/a 10.0.0.11(ro) 10.0.0.12(ro) 10.9.0.0/16(ro)"
    )


@pytest.mark.parametrize(
    ("export", "expected"),
    [
        ({"path": "var/nfs"}, "absolute path"),
        ({"path": "/var/nfs/"}, "absolute path"),
        ({"path": "/var/../etc"}, "absolute path"),
        ({"path": "/a b"}, "absolute path"),
        ({"path": "/a", "clients": []}, "at least 1 item"),
        ({"path": "/a", "clients": ["a b"]}, "a client as in exports(5)"),
        ({"path": "/a", "clients": ["a(rw)"]}, "a client as in exports(5)"),
        ({"path": "/a", "clients": ["worker1"]}, "keeps a plain name under another one"),
        ({"path": "/a", "clients": ["worker1.lab.example"]}, "keeps a plain name"),
        ({"path": "/a", "options": ["no_root_sqash"]}, "one option of exports(5)"),
        ({"path": "/a", "options": ["fsid="]}, "one option of exports(5)"),
        ({"path": "/a", "options": ["fsid=0) *(rw"]}, "one option of exports(5)"),
        ({"path": "/a", "option": []}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_told(export: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(export)
    assert expected in str(caught.value)


def test_a_directory_is_exported_once() -> None:
    with pytest.raises(ValidationError, match="each path once"):
        settings({"path": "/a"}, {"path": "/a", "clients": ["cluster"]})


def test_what_is_exported_as_wished_is_left_alone() -> None:
    assert render.why_not_exported(DEFAULT, render.parse(ETAB)) == []
    with_fsid = entries({"path": "/var/nfs/kubedata", "options": ["ro", "fsid=7"]})
    assert render.why_not_exported(with_fsid, render.parse(ETAB)) == [
        "/var/nfs/kubedata is exported to * with other options"
    ]
    assert render.why_not_exported(DEFAULT, {}) == ["/var/nfs/kubedata is not exported to *"]


def test_clients_that_exportfs_keeps_as_they_are_written() -> None:
    clients = ["10.0.0.11", "10.9.0.0/16", "*.lab.example", "@hosts", "*", "fd00::1", "cluster"]
    assert settings({"path": "/a", "clients": clients}).exports[0].clients == clients


def test_an_option_that_left_the_data_is_seen_and_one_under_another_name_is_not() -> None:
    now = render.parse("/a *(rw,sync,anonuid=1000,anongid=65534,sec=sys,fsid=0,mountpoint=/m)")
    wish = {"path": "/a", "options": ["rw", "anonuid=1000", "fsid=root", "mp=/m"]}
    assert render.why_not_exported(entries(wish), now) == []
    for option in wish["options"][1:]:
        fewer = {"path": "/a", "options": [each for each in wish["options"] if each != option]}
        assert render.why_not_exported(entries(fewer), now) == [
            "/a is exported to * with other options"
        ]


@pytest.mark.parametrize("drifted", [("rw,", "ro,"), ("no_root_squash", "root_squash")])
def test_another_option_is_seen(drifted: tuple[str, str]) -> None:
    now = render.parse(ETAB.replace(*drifted))
    assert len(render.why_not_exported(DEFAULT, now)) == 1


def test_only_what_our_file_had_is_unexported() -> None:
    before = {Entry("/old", "*"): ("rw",), Entry("/gone", "*"): ("rw",), **DEFAULT}
    now = {Entry("/old", "*"): ("rw",), Entry("/theirs", "*"): ("rw",), **DEFAULT}
    assert [str(entry) for entry in render.left(DEFAULT, before, now, {})] == ["*:/old"]
    theirs = {"/etc/exports": {Entry("/old", "*"): ("rw",)}}
    assert render.left(DEFAULT, before, now, theirs) == []
    assert str(Entry("/a", "fd00::/64")) == "[fd00::/64]:/a"


def test_somebody_elses_line_only_matters_when_it_contradicts() -> None:
    mine = entries({"path": "/a", "options": ["rw", "no_root_squash"]})
    same = {"/etc/exports": render.parse("# comment\n/a *(no_root_squash,rw,sync)\n/b c(ro)")}
    assert render.conflicts(mine, same) == []
    other = {"/etc/exports": render.parse("/a *(ro)")}
    assert render.conflicts(mine, other) == [
        "/etc/exports exports /a to * with other options than nfs_exports: remove it there, or here"
    ]


def test_lines_as_people_write_them() -> None:
    text = "/a  b(rw) \\\n   c(ro,sync)  # why\n\n/d\n/e f\n"
    assert render.parse(text) == {
        Entry("/a", "b"): ("rw",),
        Entry("/a", "c"): ("ro", "sync"),
        Entry("/e", "f"): (),
    }


def test_packages() -> None:
    assert render.packages(serves=True, mounts=False) == ["nfs-kernel-server"]
    assert render.packages(serves=False, mounts=True) == ["nfs-common"]
    assert render.packages(serves=False, mounts=False) == []


def test_one_answer_tells_everything() -> None:
    assert ServerState().process(
        [
            "ours # x", "ours /a *(rw)", "foreign /etc/exports", "line /b c(ro)", "line ",
            "now /a\t*(rw,sync)", "at /a|directory|nobody:nogroup|755", "disk /a|yes|5|4096|9|7",
            "unit ActiveState=active", "unit UnitFileState=enabled",
        ]
    ) == Server(
        file="# x\n/a *(rw)\n",
        foreign={"/etc/exports": "/b c(ro)\n\n"},
        now="/a\t*(rw,sync)\n",
        directories={"/a": Place("directory", "nobody:nogroup", "755")},
        disks={"/a": Disk(writable=True, free=20480, inodes=9, free_inodes=7)},
        active=True,
        enabled=True,
    )  # fmt: skip
    bare = ServerState().process(["unit ActiveState=inactive", "unit UnitFileState="])
    assert bare == Server()


@pytest.mark.parametrize(
    "answer",
    [
        ["nonsense"],
        ["ours x"],
        ["unit ActiveState=active", "at x"],
        ["unit ActiveState=active", "disk /a|yes|"],
        ["unit ActiveState=active", "disk /a|yes|1|2|3|x"],
    ],
)
def test_another_answer_is_none(answer: list[str]) -> None:
    with pytest.raises(FactProcessError):
        ServerState().process(answer)


@given(st.lists(st.text()))
def test_any_answer_is_a_state_or_none(lines: list[str]) -> None:
    with contextlib.suppress(FactProcessError):
        assert isinstance(ServerState().process(lines), Server)


@given(st.text())
def test_any_text_is_lines_of_exports(text: str) -> None:
    assert isinstance(render.parse(text), dict)


def test_lines_that_differ_are_named() -> None:
    wanted = "# head\n/a *(rw)\n/b *(rw)\n"
    assert render.why_lines_differ(wanted, wanted) == []
    assert render.why_lines_differ("", wanted) == [f"there is no {render.FILE}"]
    assert render.why_lines_differ("# head\n/a *(rw)\n/c *(rw)\n", wanted) == [
        f"{render.FILE} lacks the line /b *(rw)",
        f"{render.FILE} has the line /c *(rw)",
    ]
    assert "another order" in render.why_lines_differ("/b *(rw)\n/a *(rw)\n# head\n", wanted)[0]


ROOMY = Disk(writable=True, free=disks.LEAST, inodes=9, free_inodes=1)


@pytest.mark.parametrize(
    ("disk", "sentence"),
    [
        (ROOMY, None),
        (replace(ROOMY, inodes=0, free_inodes=0), None),  # of btrfs
        (replace(ROOMY, writable=False), "storage: /a is on a disk that is read-only: mount it"),
        (replace(ROOMY, free=disks.LEAST - 1), "storage: /a is on a full disk, 1023 kB are free"),
        (replace(ROOMY, free_inodes=0), "storage: /a is on a disk that can have no more files"),
    ],
)
def test_a_disk_that_takes_nothing_is_told(disk: Disk, sentence: str | None) -> None:
    found = disks.why_not_written("storage", entries({"path": "/a"}), {"/a": disk})
    assert [each.startswith(sentence or "") for each in found] == ([True] if sentence else [])


def test_what_is_exported_for_reading_need_not_be_writable() -> None:
    wish = entries({"path": "/a", "options": ["ro"]}, {"path": "/b"})
    broken = replace(ROOMY, writable=False)
    assert disks.writable(wish) == ["/b"]
    assert disks.why_not_written("storage", wish, {"/a": broken, "/b": ROOMY}) == []
    assert not disks.may_be_changed("/a", {"/a": broken})
    assert disks.may_be_changed("/b", {"/b": ROOMY})


def test_an_id_for_what_is_exported_for_the_first_time() -> None:
    wish = entries(
        {"path": "/new"},
        {"path": "/old"},
        {"path": "/full"},
        {"path": "/own", "options": ["fsid=7"]},
    )
    known = [Entry("/old", "10.0.0.9")]
    assert render.to_mark(wish, ["/new", "/old", "/own"], known) == {"/new"}
    found = render.identified(wish, {"/new", "/own"})
    assert found[Entry("/new", "*")][-1] == f"fsid={render.fsid('/new')}"
    assert {entry.path for entry in wish if found[entry] != wish[entry]} == {"/new"}


def test_no_two_exports_have_one_id(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"path": "/own", "options": ["rw", f"fsid={render.fsid('/new')}"]}
    wish = entries({"path": "/new"}, {"path": "/other"}, given)
    assert render.to_mark(wish, ["/new", "/other"], []) == {"/other"}
    monkeypatch.setattr(render, "fsid", lambda _: "7")
    assert render.to_mark(entries({"path": "/a"}, {"path": "/b"}), ["/a", "/b"], []) == set()


def test_an_id_stays_the_same_for_ever() -> None:
    assert render.fsid("/var/nfs/kubedata") == "1531966651"
    assert render.fsid("/a") != render.fsid("/b")


def test_what_a_server_lacks_is_told_with_its_own_ids() -> None:
    wish = entries({"path": "/a"}, {"path": "/b"})
    options = ",".join(wish[Entry("/a", "*")])
    now = f"/a *({options},fsid={render.fsid('/a')})\n/b *({options})\n"
    assert Server(now=now, marked=("/a",)).lacks(wish) == []
    assert Server(now=now).lacks(wish) == ["/a is exported to * with other options"]
    assert Server(now=now, marked=("/a", "/b")).lacks(wish) == [
        "/b is exported to * with other options"
    ]
