"""The account of a service, made by the real useradd on a machine whose /etc is the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.test_base_operations import (
    NOTHING,
    ROOT,
    Machine,
    Outcome,
    Tree,
    a_machine,
    refused,
)
from whisklab.engine.resources import accounts
from whisklab.engine.resources.accounts import SHELL

GROUP = "web:x:990:\n"
USER = f"web:x:991:990:The web:/srv/web:{SHELL}\n"
THEIRS = "webb:x:1001:1001::/home/webb:/bin/bash\naweb:x:1002:990::/home/aweb:/bin/bash\n"
THEIR_GROUPS = "root:x:0:\nwebb:x:1001:web\naweb:x:1002:\nwww:x:1003:web,webb\n"
WISH = {"account": "web", "home": "/srv/web"}
NEW_GROUP = ["groupadd", "--system", "web"]
NEW_USER = ["useradd", "--system", "--no-create-home", "--home-dir", "/srv/web",
            "--gid", "web", "--shell", SHELL, "web"]  # fmt: skip
CHANGED = ["usermod", "--gid", "web", "--shell", SHELL, "web"]


def with_accounts(root: Path, group: str, user: str) -> Machine:
    machine = a_machine(root, "/etc", "/run", "/var", "/srv", "/home")
    machine.put("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\n")
    machine.put("/etc/passwd", f"{ROOT}{THEIRS}{user}")
    machine.put("/etc/group", f"{THEIR_GROUPS}{group}")
    names = ["root", "webb", "aweb", *(["web"] if user else [])]
    machine.put("/etc/shadow", "".join(f"{name}:*:19000:0:99999:7:::\n" for name in names))
    machine.put("/etc/login.defs", "SYS_UID_MIN 100\nSYS_UID_MAX 999\nSYS_GID_MIN 100\n"
                                   "SYS_GID_MAX 999\nUID_MIN 1000\nUID_MAX 60000\n"
                                   "GID_MIN 1000\nGID_MAX 60000\n")  # fmt: skip
    for name in ("groupadd", "useradd", "usermod"):
        machine.stub(name, f'tell "$@"; exec /usr/sbin/{name} "$@"')
    return machine


@pytest.fixture
def settled(tmp_path: Path) -> Machine:
    return with_accounts(tmp_path, GROUP, USER)


def of(machine: Machine, database: str) -> list[str] | None:
    """The fields of the account's line."""
    lines = machine.at(f"/etc/{database}").read_text().splitlines()
    found = [line.split(":") for line in lines if line.startswith("web:")]
    assert len(found) < 2
    return found[0] if found else None


def others(machine: Machine) -> Tree:
    """All but the account's own lines, and but what the programs keep for themselves."""
    found = {}
    for path, (*about, content) in machine.tree().items():
        lines = [each for each in content.splitlines() if not each.startswith(b"web:")]
        if not path.endswith(("-", "/subuid", "/subgid", "/.pwd.lock", "/gshadow")):
            found[path] = (str(about[0]), int(str(about[1])), int(str(about[2])), b"\n".join(lines))
    return found


def mended(machine: Machine, *programs: list[str]) -> None:
    """Expect these programs, and then none."""
    before = others(machine)
    outcome = machine.run(accounts.of_service, **WISH)
    assert outcome == Outcome([*programs], [], failed=False)
    assert machine.ran() == [*programs]
    assert others(machine) == before
    assert machine.run(accounts.of_service, **WISH) == NOTHING
    assert machine.ran() == []


def as_wished(machine: Machine) -> tuple[list[str], list[str]]:
    """Expect a group and a user of it without a shell; return their fields."""
    group, user = of(machine, "group"), of(machine, "passwd")
    assert group is not None
    assert user is not None
    assert (user[3], user[6]) == (group[2], SHELL)
    return group, user


def test_an_account_as_wished_is_left_alone(settled: Machine) -> None:
    before = settled.tree()
    assert settled.run(accounts.of_service, **WISH) == NOTHING
    assert settled.ran() == []
    assert settled.tree() == before


def test_an_account_that_is_not_there_is_made_without_a_home(tmp_path: Path) -> None:
    machine = with_accounts(tmp_path, "", "")
    mended(machine, NEW_GROUP, NEW_USER)
    group, user = as_wished(machine)
    assert 100 <= int(group[2]) <= 999
    assert 100 <= int(user[2]) <= 999
    assert user[5] == "/srv/web"
    assert not machine.at("/srv/web").exists()
    shadow = of(machine, "shadow")
    assert shadow is not None
    assert shadow[1].startswith("!")


def test_a_user_that_is_not_there_is_made_in_the_group_that_is(tmp_path: Path) -> None:
    machine = with_accounts(tmp_path, GROUP, "")
    mended(machine, NEW_USER)
    assert as_wished(machine)[0] == GROUP.strip().split(":")


def test_a_group_that_is_not_there_is_made_for_the_user_that_is(tmp_path: Path) -> None:
    machine = with_accounts(tmp_path, "", USER.replace(":990:", ":1003:"))
    mended(machine, NEW_GROUP, CHANGED)
    _, user = as_wished(machine)
    assert [*user[:3], *user[4:]] == ["web", "x", "991", "The web", "/srv/web", SHELL]


@pytest.mark.parametrize("gid", ["0", "991", "1001", "1003", "99", "9900"])
def test_another_group_of_the_user_is_put_right(tmp_path: Path, gid: str) -> None:
    machine = with_accounts(tmp_path, GROUP, USER.replace(":990:", f":{gid}:"))
    mended(machine, CHANGED)
    assert (of(machine, "group"), of(machine, "passwd")) == (
        GROUP.strip().split(":"), USER.strip().split(":")
    )  # fmt: skip


@pytest.mark.parametrize("shell", ["", "/bin/sh", "/bin/false", "/sbin/nologin", f"{SHELL}x"])
def test_another_shell_is_put_right(tmp_path: Path, shell: str) -> None:
    machine = with_accounts(tmp_path, GROUP, USER.replace(SHELL, shell))
    mended(machine, CHANGED)
    assert of(machine, "passwd") == USER.strip().split(":")


@pytest.mark.parametrize(
    ("group", "user"),
    [
        ("web:x:990:webb\n", USER), ("web:!:990:\n", USER),
        ("web:x:5000:\n", USER.replace("990", "5000")),
        (GROUP, USER.replace(":991:", ":5000:")), (GROUP, USER.replace("The web", "")),
        (GROUP, USER.replace("/srv/web", "/")), (GROUP, USER.replace("/srv/web", "")),
        (GROUP, USER.replace(":x:", ":*:")),
    ],
)  # fmt: skip
def test_what_is_not_compared_is_left_alone(tmp_path: Path, group: str, user: str) -> None:
    machine = with_accounts(tmp_path, group, user)
    before = machine.tree()
    assert machine.run(accounts.of_service, **WISH) == NOTHING
    assert machine.tree() == before


@pytest.mark.parametrize(
    "answer",
    ["web", "web:x:990", "web:x:990::more", "web:x:991:990::/srv/web", "error: no such database",
     USER.strip() + ":more", "a:b:c:d:e"],
)  # fmt: skip
@pytest.mark.parametrize("database", ["group", "passwd"])
def test_an_answer_that_is_not_understood_fails_the_machine(
    tmp_path: Path, database: str, answer: str
) -> None:
    machine = with_accounts(tmp_path, "", "")
    machine.stub("getent", f'test "$1" != {database} || echo "{answer}"')
    refused(machine, "Known", accounts.of_service, **WISH)


@pytest.mark.parametrize(
    ("database", "answer"),
    [("group", "web:x::"), ("group", "web:x:many:"), ("passwd", f"web:x:991:x:::{SHELL}")],
)
def test_a_number_that_is_none_fails_the_machine(
    settled: Machine, database: str, answer: str
) -> None:
    settled.stub("getent", f'test "$1" != {database} || echo "{answer}"')
    refused(settled, "Known", accounts.of_service, **WISH)


@pytest.mark.parametrize("program", ["groupadd", "useradd", "usermod"])
def test_an_account_that_cannot_be_made_fails_the_machine(tmp_path: Path, program: str) -> None:
    group = GROUP if program == "useradd" else ""
    user = USER.replace(SHELL, "/bin/sh") if program == "usermod" else ""
    machine = with_accounts(tmp_path, group, user)
    machine.stub(program, f'tell "$@"; echo "{program}: cannot lock /etc/passwd" >&2; exit 1')
    outcome = machine.run(accounts.of_service, **WISH)
    assert (outcome.said, outcome.failed) == ([f"{program}: cannot lock /etc/passwd"], True)
    assert machine.ran()[-1][0] == program
