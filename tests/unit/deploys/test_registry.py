"""Files of the registry."""

from __future__ import annotations

from dataclasses import replace

import bcrypt
import pytest
import yaml

from deploys.registry import render
from deploys.registry.verify import refused
from whisklab.engine.registries.registry import RegistrySettings
from whisklab.engine.registries.secrets import Credentials
from whisklab.engine.resources.paths import digest
from whisklab.engine.tls.authority import Pair

KNOWN = Credentials(
    Pair("CA", "CA KEY"), Pair("LEAF", "LEAF KEY"), {"nodes": "p1", "push": "p2"}, "s" * 48
)
PULL, PUSH = render.doors(RegistrySettings())


def test_one_door_reads_and_the_other_takes_images() -> None:
    for door, reads in ((PULL, True), (PUSH, False)):
        found = yaml.safe_load(render.configuration(door, "10.0.0.4", KNOWN))
        maintenance = found["storage"]["maintenance"]
        assert maintenance["readonly"] == {"enabled": reads}
        assert maintenance["uploadpurging"]["enabled"] is not reads
        assert found["storage"]["filesystem"] == {"rootdirectory": render.DATA}
        assert found["http"]["addr"] == f"10.0.0.4:{door.port}"
        assert found["http"]["secret"] == KNOWN.salt
        assert found["auth"]["htpasswd"]["path"] == door.accounts
    v6 = yaml.safe_load(render.configuration(PULL, "fd00::4", KNOWN))
    assert v6["http"]["addr"] == "[fd00::4]:5000"


def test_who_is_let_in_where() -> None:
    assert {door: [line.split(":")[0] for line in render.accounts(door, KNOWN).splitlines()]
            for door in (PULL, PUSH)} == {PULL: ["nodes", "push"], PUSH: ["push"]}  # fmt: skip
    for line in render.accounts(PULL, KNOWN).splitlines():
        user, hashed = line.split(":")
        assert bcrypt.checkpw(KNOWN.passwords[user].encode(), hashed.encode())
        assert not bcrypt.checkpw(b"other", hashed.encode())
    assert render.accounts(PULL, KNOWN) == render.accounts(PULL, KNOWN)
    other = replace(KNOWN, passwords={**KNOWN.passwords, "nodes": "p3"})
    assert render.accounts(PULL, other) != render.accounts(PULL, KNOWN)
    assert render.accounts(PUSH, other) == render.accounts(PUSH, KNOWN)


def test_without_accounts_it_does_not_start_and_invents_none() -> None:
    assert f"ExecStartPre=/usr/bin/test -s {PUSH.accounts}\n" in render.unit(PUSH, "v")


@pytest.mark.parametrize("door", [PULL, PUSH])
def test_the_wish_is_what_the_unit_records(door: render.Door) -> None:
    wish, unit = render.wish(door, "10.0.0.4", "v", KNOWN), render.unit(door, "v")
    assert wish[door.unit] == digest(unit)
    assert all(path in unit for path in wish)
    assert unit.startswith(render.HEADER + "\n")
    changed = [
        render.wish(door, "10.0.0.5", "v", KNOWN),
        render.wish(door, "10.0.0.4", "w", KNOWN),
        render.wish(door, "10.0.0.4", "v", replace(KNOWN, salt="t")),
        render.wish(door, "10.0.0.4", "v", replace(KNOWN, leaf=Pair("x", KNOWN.leaf.key))),
        render.wish(door, "10.0.0.4", "v", replace(KNOWN, leaf=Pair("LEAF", "x"))),
    ]
    assert all(len(set(wish.items()) - set(each.items())) == 1 for each in changed)
    assert render.wish(door, "10.0.0.4", "v", replace(KNOWN, passwords={})) == wish


NOBODYS = "10.0.0.4:5000/whisklab/nothing:none"
FAILED = f'failed to pull and unpack image "{NOBODYS}": failed to resolve reference "{NOBODYS}": '


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            f"FATA pulling image: rpc error: code = NotFound desc = {FAILED}{NOBODYS}: not found",
            None,
        ),
        (f"E0101 remote_image.go\nFATA code = NotFound desc = {FAILED}{NOBODYS}: not found", None),
        (f"{FAILED}unexpected status: 401 Unauthorized", "unexpected status: 401 Unauthorized"),
        (f"{FAILED}tls: x509: unknown authority", "tls: x509: unknown authority"),
        (FAILED.replace('"', '\\"') + '401 Unauthorized"', "401 Unauthorized"),
        ("FATA validate CRI v1 image API: connect: connection refused", None),
        ("", None),
    ],
)
def test_a_runtime_that_may_pull_says_that_there_is_no_such_image(
    said: str, why: str | None
) -> None:
    assert refused(said, NOBODYS) == why
