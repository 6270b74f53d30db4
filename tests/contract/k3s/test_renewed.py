"""k3s's certificates are made anew by a restart; a real shell, and a k3s that renews as it does."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploys.k3s import render, renewal
from deploys.k3s.renew import renewed
from tests.contract.test_base_operations import NOTHING, Outcome, a_machine
from whisklab.engine import limits
from whisklab.engine.tls import authority, certificates
from whisklab.errors import WhisklabError

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
CA = authority.new("k3s-ca", NOW - timedelta(days=1000))
DATA = "/srv/it's k3s"
TLS, AGENT = f"{DATA}/server/tls", f"{DATA}/agent"
SERVICE = "k3s"
MONTH, YEAR = timedelta(days=30), timedelta(days=364)
FRESH = 364
# What begins makes what is missing, and anew what ends soon; all of it is in `fresh`.
SYSTEMCTL = f"""
case $1 in
show) printf "LoadState=loaded\\nActiveState=%s\\nUnitFileState=enabled\\n" "$(cat "$root/is")";;
stop) tell "$@"; test ! -e "$root/stuck" || exit 1; echo inactive > "$root/is";;
start) tell "$@"; test ! -e "$root/broken" || exit 1; echo active > "$root/is"
  for each in "$root/fresh"/*; do name=${{each##*/}}
    case $name in client*) at="{AGENT}";; *) at="{TLS}";; esac
    if ! test -e "$at/$name" || grep -qxF "$name" "$root/soon"; then cp "$each" "$at/$name"; fi
  done
  if test -e "{TLS}/{renewal.REGENERATE}"; then
    cp "$root/fresh/{render.SHOWN}" "{TLS}/"; rm "{TLS}/{renewal.REGENERATE}"; fi;;
esac"""
STOP, START = ["systemctl", "stop", "--", SERVICE], ["systemctl", "start", "--", SERVICE]


def lasting(days: float) -> str:
    """A certificate that ends in so many days."""
    begun = NOW + timedelta(days=days) - authority.LEAF_LASTS + authority.BEGINS_BEFORE
    return authority.issue(CA, ["it"], begun).certificate


class Node:
    """A machine with k3s.

    Attributes:
        machine: with directories of its own.
        told: what was called before and after.
    """

    def __init__(self, root: Path) -> None:
        self.machine = a_machine(root, "/srv", "/run")
        self.root, self.told = root, list[str]()
        self.machine.stub("systemctl", SYSTEMCTL)
        (root / "is").write_text("active")
        (root / "soon").touch()
        (root / "fresh").mkdir()
        for name in ("a.crt", "b.crt", "client.crt", render.SHOWN):
            self.have(name, FRESH)
            (root / "fresh" / name).write_text(self.path(name).read_text())
        self.machine.put(f"{TLS}/ca.crt", CA.certificate)
        self.machine.put(f"{TLS}/a.key", "key")

    def path(self, name: str) -> Path:
        return self.machine.at(f"{AGENT if name.startswith('client') else TLS}/{name}")

    def have(self, name: str, days: float) -> None:
        """Have a certificate that ends then; k3s renews by itself what ends soon."""
        directory = AGENT if name.startswith("client") else TLS
        text = lasting(days)
        if name == render.SHOWN:
            packed = base64.b64encode(text.encode()).decode()
            text = f'{{"data": {{"tls.crt": "{packed}"}}}}'
        self.machine.put(f"{directory}/{name}", text)
        if timedelta(days=days) < renewal.WINDOW:
            with (self.root / "soon").open("a") as file:
                file.write(f"{name}\n")

    def renewed(self, within: timedelta = MONTH, **more: Any) -> Outcome:
        calls = {
            each: (lambda _, each=each: self.told.append(each)) for each in ("before", "after")
        }
        patterns = (
            f"{TLS.replace(' ', '?')}/*.crt {TLS.replace(' ', '?')}/{render.SHOWN} "
            f"{AGENT.replace(' ', '?')}/*.crt"
        )
        return self.machine.run(renewed, service=SERVICE, patterns=patterns, tls=TLS,
                                within=within, **{**calls, **more})  # fmt: skip

    def copies(self) -> list[Path]:
        return sorted(self.machine.at(TLS).parent.glob("tls-*"))

    def is_fresh(self, *names: str) -> bool:
        return all(self.path(name).read_text() == (self.root / "fresh" / name).read_text()
                   for name in names)  # fmt: skip


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A server whose certificates all last; its authority is the only one that ends sooner."""
    monkeypatch.setattr(certificates, "now", lambda: NOW)
    return Node(tmp_path)


def test_where_nothing_is_due_nothing_is_done(node: Node) -> None:
    before = node.machine.tree()
    assert node.renewed() == NOTHING
    assert node.renewed(YEAR) == NOTHING
    assert (node.machine.tree(), node.machine.ran(), node.told) == (before, [], [])


@pytest.mark.parametrize("name", ["a.crt", "client.crt"])
@pytest.mark.parametrize("days", [29, 0, -5])
def test_what_k3s_renews_itself_takes_a_restart_and_no_more(
    node: Node, name: str, days: int
) -> None:
    node.have(name, days)
    outcome = node.renewed()
    assert (outcome.failed, outcome.said, node.told) == (False, [], ["before", "after"])
    assert outcome.yielded[1][4:] == [SERVICE, str(limits.SERVICE_STARTS_WITHIN), TLS, ""]
    assert node.machine.ran() == [STOP, START]
    assert node.is_fresh(name)
    assert node.copies() == []
    assert node.renewed() == NOTHING


def test_the_plan_says_which_ends_first_and_what_is_restarted(node: Node) -> None:
    node.have("b.crt", 20.5)
    node.have("client.crt", 10.5)
    (why,) = node.renewed().why
    path = f"{AGENT}/client.crt"
    assert why.text == f"{path} ends on 2026-12-10, in 10 days, and 1 more"
    assert why.restarts == SERVICE


def test_what_a_start_would_leave_is_set_aside_with_a_copy_of_all(node: Node) -> None:
    node.have("a.crt", 150)
    node.have("client.crt", 150)  # an agent gets all of its own anew
    (node.root / "soon").write_text("client.crt\n")
    there = {each.name: each.read_bytes() for each in node.machine.at(TLS).iterdir()}
    outcome = node.renewed(timedelta(days=200))
    assert (outcome.failed, node.told) == (False, ["before", "after"])
    assert outcome.yielded[1][6:] == [TLS, "", f"{TLS}/a.crt"]
    assert node.is_fresh("a.crt", "client.crt")
    (copy,) = node.copies()
    assert {each.name: each.read_bytes() for each in copy.iterdir()} == there
    assert copy.stat().st_mode & 0o777 == 0o700
    assert node.path("a.key").read_text() == "key"
    assert node.renewed(timedelta(days=200)) == NOTHING


@pytest.mark.parametrize("text", ["", "garbage", "-----BEGIN CERTIFICATE-----\nAA\n"])
def test_one_that_cannot_be_read_is_made_anew(node: Node, text: str) -> None:
    node.path("b.crt").write_text(text)
    outcome = node.renewed()
    assert (outcome.failed, [each.text for each in outcome.why]) == (
        False, [f"{TLS}/b.crt cannot be read"]
    )  # fmt: skip
    assert node.is_fresh("b.crt")
    assert node.renewed() == NOTHING


@pytest.mark.parametrize("days", [50, 150])
def test_the_one_that_is_shown_is_made_anew_by_k3s_s_own_file(node: Node, days: int) -> None:
    node.have(render.SHOWN, days)
    regenerate = f"{TLS}/{renewal.REGENERATE}" if days == 150 else ""
    outcome = node.renewed(timedelta(days=200))
    assert outcome.yielded[1][6:] == [TLS, regenerate]
    assert node.is_fresh(render.SHOWN)
    assert (len(node.copies()), node.renewed(timedelta(days=200))) == (days == 150, NOTHING)


def test_an_authority_is_never_renewed_so(node: Node) -> None:
    node.machine.put(f"{TLS}/ca.crt", authority.new("old", NOW - timedelta(days=3640)).certificate)
    assert node.renewed() == NOTHING


def test_one_that_does_not_stop_keeps_its_certificates_and_is_not_asked_further(
    node: Node,
) -> None:
    node.have("a.crt", 150)
    (node.root / "stuck").touch()
    before = node.machine.tree()
    assert node.renewed(timedelta(days=200)).failed
    assert (node.machine.ran(), node.told) == ([STOP], ["before"])
    assert node.machine.tree() == before


def test_one_that_does_not_come_up_is_left_to_who_looks_next(node: Node) -> None:
    node.have("a.crt", 5)
    (node.root / "broken").touch()
    outcome = node.renewed()
    assert (outcome.failed, outcome.said, node.told) == (False, [], ["before"])
    (node.root / "broken").unlink()
    assert not node.renewed().failed  # a run that was killed goes on so
    assert (node.is_fresh("a.crt"), node.told) == (True, ["before"] * 2 + ["after"])


@pytest.mark.parametrize("call", ["before", "after"])
def test_what_is_wrong_before_stops_nothing_and_after_it_fails_the_node(
    node: Node, call: str
) -> None:
    node.have("a.crt", 5)

    def fails(_: object) -> None:
        raise WhisklabError("w2 is not Ready: see there")

    given: Any = {call: fails}
    outcome = node.renewed(**given)
    assert (outcome.failed, outcome.said) == (True, ["w2 is not Ready: see there"])
    assert node.machine.ran() == ([] if call == "before" else [STOP, START])
