"""What is said of snapshots, what is kept with them, and what of the user's is never lost."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from whisklab.cli import notes, snapshots
from whisklab.cli.tables import size
from whisklab.errors import BadInput
from whisklab.lab import kept
from whisklab.lab.common.names import is_snapshot_name
from whisklab.lab.provider import Snapshot

DAY = 86400
NOW = 1_800_000_000.0


def taken(**of: object) -> Snapshot:
    return Snapshot("base", NOW - 3 * DAY, 2_600_000_000, ("a", "b"), of)


def test_a_line_of_the_list() -> None:
    deployed = ["k3s v1.34.4+k3s1", "owdev"]
    shown = snapshots.row(taken(deployed=deployed, certificates_until=NOW + 90.5 * DAY), NOW)
    assert shown == ("base", "3 days", "2.6 GB", "2", "90 days left", "k3s v1.34.4+k3s1, owdev")
    assert snapshots.row(taken(), NOW)[-2:] == ("", "unknown")
    assert snapshots.row(taken(certificates_until=NOW - DAY), NOW)[-2] == "ended 1 days ago"
    assert snapshots.row(replace(taken(), size=0), NOW)[2] == ""  # Vagrant tells none


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 seconds"), (119, "119 seconds"), (120, "2 minutes"), (7199, "119 minutes"),
     (7200, "2 hours"), (2 * DAY, "2 days")],
)  # fmt: skip
def test_ages(seconds: float, said: str) -> None:
    assert snapshots.age(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 bytes"), (999, "999 bytes"), (32_000, "32 kB"), (4e12, "4000.0 GB")]
)
def test_sizes(count: float, said: str) -> None:
    assert size(count) == said


def test_old_certificates_are_told() -> None:
    def said(days: int) -> str | None:
        return snapshots.old_certificates({"certificates_until": NOW + days * DAY}, NOW)

    assert said(300) is None
    assert snapshots.old_certificates({}, NOW) is None
    assert "end soon" in str(said(10))
    assert "have ended" in str(said(-10))


def test_the_end_of_a_kubeconfig_s_certificate() -> None:
    key, name = Ed25519PrivateKey.generate(), x509.Name([])
    until = datetime(2030, 1, 2, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(until - timedelta(days=1))
        .not_valid_after(until)
        .sign(key, None)
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    user = {"client-certificate-data": base64.b64encode(pem).decode()}
    assert notes.valid_until(yaml.safe_dump({"users": [{"user": user}]})) == until.timestamp()


def test_what_is_deployed() -> None:
    status = {
        "nodes": [{"name": "a", "version": "v1"}, {"name": "b", "version": "v1"}],
        "releases": [{"name": "owdev", "ok": True}, {"name": "broken", "ok": False}],
    }
    assert notes.deployed(status) == ["k3s v1", "owdev"]
    assert notes.deployed({}) == []


@given(st.text() | st.from_regex(r"[A-Za-z0-9.-]{1,50}", fullmatch=True))
def test_a_snapshot_s_name_is_no_path(name: str) -> None:
    if is_snapshot_name(name):
        assert "/" not in name
        assert not name.startswith((".", "-"))
        assert 0 < len(name) <= 40


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(**secrets: bytes) -> dict[str, str]:
    return {f"secret/{name}": base64.b64encode(text).decode() for name, text in secrets.items()}


def test_secrets_come_back_and_others_are_put_aside(here: Path) -> None:
    own = here / ".secrets/x"
    own.mkdir(parents=True)
    (own / "token").write_bytes(b"of now")
    (own / "same").write_bytes(b"same")
    aside = kept.put_secrets(files(token=b"of then", same=b"same", lost=b"\xff"), "x")
    assert (own / "token").read_bytes() == b"of then"
    assert (own / "lost").read_bytes() == b"\xff"
    assert [path.read_bytes() for path in aside] == [b"of now"]
    for name in ("token", "lost"):
        assert (own / name).stat().st_mode & 0o777 == 0o600


def test_data_that_changed_since_are_told_and_left(here: Path) -> None:
    data = {f"data/{pattern}": base64.b64encode(b"then").decode() for pattern in kept.DATA}
    for pattern in kept.DATA:
        path = here / pattern.format("x")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"now" if pattern.startswith("group_data") else b"then")
    assert list(kept.differing(data, "x")) == [Path("group_data/x.py")]
    assert (here / "group_data/x.py").read_bytes() == b"now"


def test_a_clone_does_not_write_over_what_is_somebody_s(here: Path) -> None:
    data = {"data/group_data/{}.py": base64.b64encode(b"ours").decode()}
    kept.refuse_strange(data, "x", "y")
    (here / "group_data").mkdir()
    (here / "group_data/y.py").write_bytes(b"theirs")
    with pytest.raises(BadInput, match=r"group_data/y.py is there already and differs"):
        kept.refuse_strange(data, "x", "y")
    (here / "group_data/y.py").write_bytes(b"ours")
    kept.refuse_strange(data, "x", "y")
