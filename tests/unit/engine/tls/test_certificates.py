"""When certificates end, and what is said of it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from whisklab.engine.tls import authority, certificates
from whisklab.engine.tls.certificates import Certificate, Certificates

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MONTH = timedelta(days=30)
RENEW = "whisklab certs renew lab"
CA = authority.new("whisklab lab", NOW)
LEAF = authority.issue(CA, ["nas", "10.0.0.4"], NOW)  # begins two days back
ENCODED = base64.b64encode(LEAF.certificate.encode()).decode()


def ending(days: float, path: str = "/a", *, signs: bool = False) -> Certificate:
    return Certificate(path, "x", NOW - MONTH, NOW + timedelta(days=days), signs)


def kubeconfig(**users: str) -> str:
    return yaml.safe_dump({"users": [
        {"name": name, "user": {"client-certificate-data": data, "client-key-data": "SECRET"}}
        for name, data in users.items()
    ]})  # fmt: skip


def test_each_form_is_read() -> None:
    lines = [
        "= /tls/a.crt", *LEAF.certificate.splitlines(), "= /none.crt", "= /k3s.yaml", ENCODED,
        "= /tls/ca.crt", *CA.certificate.splitlines(), "= /bad.crt", "nonsense",
    ]  # fmt: skip
    found = Certificates().process(lines)
    ends = NOW - authority.BEGINS_BEFORE + authority.LEAF_LASTS
    assert [(each.path, each.name, each.ends, each.signs) for each in found] == [
        ("/tls/a.crt", "nas", ends, False),
        ("/none.crt", "", None, False),
        ("/k3s.yaml", "nas", ends, False),
        ("/tls/ca.crt", "whisklab lab", NOW + authority.AUTHORITY_LASTS, True),
        ("/bad.crt", "", None, False),
    ]
    assert found[0].begins == NOW - timedelta(days=2)
    assert [each.names for each in found[:2]] == [("nas", "10.0.0.4"), ()]
    assert Certificates.default() == []


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    for each in (certificates.read("/a", text), *certificates.parsed(text.splitlines())):
        assert each.ends is None
        assert each.is_due(NOW, timedelta(days=1))
    assert certificates.of_kubeconfig("/a", text, "lab") == []


@given(st.binary())
def test_no_der_breaks_it(data: bytes) -> None:
    encoded = base64.b64encode(data).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{encoded}\n-----END CERTIFICATE-----\n"
    for text in (pem, base64.b64encode(pem.encode()).decode()):
        assert certificates.read("/a", text).ends is None


def test_of_a_kubeconfig_only_ones_own_user_counts() -> None:
    text = kubeconfig(lab=ENCODED, theirs="x")
    assert [each.name for each in certificates.of_kubeconfig("/c", text, "lab")] == ["nas"]
    assert certificates.of_kubeconfig("/c", text, "other") == []
    assert "SECRET" not in repr(certificates.of_kubeconfig("/c", text, "lab"))


def test_what_the_laptop_has(tmp_path: Path) -> None:
    (tmp_path / "ca_certificate").write_text(CA.certificate)
    (tmp_path / "ca_key").write_text(CA.key)
    (tmp_path / "registry_certificate").write_text(LEAF.certificate)
    (tmp_path / "kubeconfig").write_text(kubeconfig(lab=ENCODED))
    own = tmp_path / "config"
    own.write_text(kubeconfig(other="x", lab=ENCODED))
    found = certificates.on_laptop(tmp_path, "lab", [own, tmp_path / "none"])
    assert [Path(each.path).name for each in found] == [
        "ca_certificate", "registry_certificate", "kubeconfig", "config",
    ]  # fmt: skip
    assert certificates.on_laptop(tmp_path / "none", "lab") == []


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (-400, "ended on 2025-10-25"),
        (-0.1, "ended on 2026-11-29"),
        (0.5, "ends on 2026-11-30, in 0 days"),
        (1.5, "ends on 2026-12-01, in 1 day"),
        (10.5, "ends on 2026-12-10, in 10 days"),
    ],
)
def test_the_end_in_words(days: float, said: str) -> None:
    assert ending(days).end(NOW) == said


def test_what_is_due_comes_by_its_end() -> None:
    gone, soon, later = ending(-1, "/gone"), ending(29.9, "/soon"), ending(30.1, "/later")
    broken = Certificate("/broken", "", None, None)
    assert certificates.due([later, soon, broken, gone], NOW, MONTH) == [gone, broken, soon]
    assert certificates.due([later], NOW, MONTH) == []


def test_what_is_told() -> None:
    def told(*found: Certificate) -> str:
        return certificates.told(found, NOW, MONTH, RENEW)

    assert told(ending(31)) == told() == ""
    assert told(ending(31), ending(5, "/b")) == f"/b ends on 2026-12-04, in 5 days: run `{RENEW}`"
    assert told(ending(5, "/b"), ending(-9, "/c")) == (
        f"/c ended on 2026-11-20, and 1 more soon: run `{RENEW}`"
    )
    signer = ending(5, "/ca.crt", signs=True)
    how = "/ca.crt is an authority: see docs/troubleshooting.md"
    assert told(signer) == f"/ca.crt ends on 2026-12-04, in 5 days: {how}"
    assert told(signer, ending(6)).endswith(f", and 1 more soon: run `{RENEW}`; {how}")
    first = certificates.best([ending(700), ending(300, "/b")], NOW)
    assert first == "/b is the first that ends: it ends on 2027-09-25, in 300 days"
