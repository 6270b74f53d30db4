"""What is told of certificates, by status, by a run, and by `whisklab certs`."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner
from pyinfra import logger

from whisklab.cli import certs
from whisklab.engine.run.overview import Line
from whisklab.engine.tls import authority, expiry
from whisklab.engine.tls.certificates import Certificate, CertificateSettings

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


def ending(days: int, path: str, *, signs: bool = False) -> Certificate:
    return Certificate(path, "x", NOW - MONTH, NOW + timedelta(days=days), signs)


def lines(*found: Certificate) -> list[Line]:
    return expiry.lines("m", found, NOW, MONTH, "renew")


def test_a_place_is_one_line() -> None:
    (well,) = lines(ending(300, "/b"), ending(200, "/a"))
    assert (well.topic, well.name, well.ok) == ("certificates", "m", True)
    assert well.detail == "/a is the first that ends: it ends on 2027-06-17, in 200 days"
    (bad,) = lines(ending(300, "/b"), ending(20, "/a"))
    assert not bad.ok
    assert bad.detail == "/a ends on 2026-12-19, in 20 days: run `renew`"
    assert lines() == []


def test_for_programs_each_is_there() -> None:
    broken = Certificate("/c", "", None, None)
    found = certs.certificates([*lines(ending(300, "/b"), ending(-3, "/a", signs=True), broken),
                                Line("certificates", "w", ok=False, detail="away")])  # fmt: skip
    assert [(each["path"], each["days"], each["authority"]) for each in found] == [
        ("/a", -3, True), ("/c", 0, False), ("/b", 300, False),
    ]  # fmt: skip
    assert found[2] == {
        "place": "m", "path": "/b", "for": "x", "names": [], "authority": False, "days": 300,
        "begins": "2026-10-30T12:00:00+00:00", "ends": "2027-09-25T12:00:00+00:00",
    }  # fmt: skip
    assert certs.rows(found) == [
        ("place", "ends", "days", "", "for", "path"),
        ("m", "2026-11-26", "-3", "authority", "x", "/a"),
        ("m", "cannot be read", "0", "", "", "/c"),
        ("m", "2027-09-25", "300", "", "x", "/b"),
    ]
    assert certs.rows([]) == []
    server = {**found[2], "names": ["x", "10.0.0.4", *("n" * 20 for _ in range(3)), "n" * 30]}
    assert certs.rows([server])[1][4] == f"x 10.0.0.4 {'n' * 20} ..."


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What a run says; the environment is `lab`, with its secrets in a directory of the test."""
    environment = SimpleNamespace(name="lab", secrets=tmp_path)
    monkeypatch.setattr(expiry, "current", lambda: environment)
    monkeypatch.setattr(CertificateSettings, "of", lambda _: CertificateSettings())
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    handler = Keep()
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    monkeypatch.setattr(logger, "_cache", {})
    return found


def test_a_run_says_what_ends_and_nothing_else(said: list[str]) -> None:
    now = datetime.now(UTC)
    soon = Certificate("/a", "x", now, now + timedelta(days=9, hours=1))
    expiry.note("m", [Certificate("/b", "x", now, now + timedelta(days=31))])
    expiry.note("m", [])
    assert said == []
    expiry.note("m", [soon])
    day = f"{soon.ends:%Y-%m-%d}"
    assert said == [f"m: /a ends on {day}, in 9 days: run `whisklab certs renew lab`"]


def test_of_the_laptops_a_run_says_the_authorities_alone(said: list[str], tmp_path: Path) -> None:
    old = datetime.now(UTC) - authority.AUTHORITY_LASTS + timedelta(days=5, hours=1)
    ca = authority.new("ca", old)
    (tmp_path / "ca_certificate").write_text(ca.certificate)
    (tmp_path / "registry_certificate").write_text(authority.issue(ca, ["a"], old).certificate)
    expiry.note_authorities()
    (sentence,) = said
    assert sentence.startswith(f"laptop: {tmp_path}/ca_certificate ends on ")
    assert sentence.endswith("is an authority: see docs/troubleshooting.md")


def test_without_a_verb_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, str]] = []
    for verb in ("show", "renew"):
        command = click.Command(
            verb,
            params=[click.Argument(["environment"])],
            callback=lambda environment, verb=verb: called.append((verb, environment)),
        )
        monkeypatch.setitem(certs.certs.commands, verb, command)
    for arguments in (["lab"], ["renew", "lab"], ["show", "renew"]):
        assert CliRunner().invoke(certs.certs, arguments).exit_code == 0
    assert called == [("show", "lab"), ("renew", "lab"), ("show", "renew")]
    assert CliRunner().invoke(certs.certs, []).exit_code == 2
