"""The environment's authority: what it signs is good for just what it should be."""

from __future__ import annotations

import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.unit.engine.certificates import self_signed
from whisklab.engine.tls import authority
from whisklab.engine.tls.authority import Pair
from whisklab.errors import WhisklabError

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
CURVE = ec.SECP256R1()
NAMES = ["nas", "10.0.0.4", "fd00::4", "localhost"]
CA = authority.new("whisklab lab", NOW)
LEAF = authority.issue(CA, NAMES, NOW)


def parsed(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.encode())


def test_a_leaf_is_as_macos_wants_it() -> None:
    leaf = parsed(LEAF)
    lasts = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert lasts <= timedelta(days=825)
    assert leaf.not_valid_before_utc == NOW - timedelta(days=2)
    assert leaf.serial_number.bit_length() <= 159
    extensions = leaf.extensions
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["nas", "localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [
        "10.0.0.4", "fd00::4",
    ]  # fmt: skip


def test_the_authority_signs_servers_only_and_openssl_takes_it(tmp_path: Path) -> None:
    ca = parsed(CA).extensions
    limits = ca.get_extension_for_class(x509.BasicConstraints)
    assert limits.critical
    assert (limits.value.ca, limits.value.path_length) == (True, 0)
    assert ca.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    (tmp_path / "leaf").write_text(LEAF.certificate + LEAF.key)
    ssl.create_default_context(cadata=CA.certificate)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "leaf")


def test_a_good_leaf_stays() -> None:
    for days in (0, 1, 790):
        assert authority.why_not(LEAF, CA, NAMES, NOW + timedelta(days=days)) is None
    assert authority.why_not(LEAF, CA, ["10.0.0.4"], NOW) is None  # fewer names are enough


def test_how_long_it_must_last() -> None:
    days = timedelta(days=822)
    assert authority.why_not(LEAF, CA, NAMES, NOW, days) is None
    why = authority.why_not(LEAF, CA, NAMES, NOW, days + timedelta(days=2))
    assert why == "it ends on 2029-03-01"


def test_a_leaf_that_ends_with_its_authority_stays() -> None:
    """Each run would make another one, which would end on the same day."""
    late = NOW + timedelta(days=3640)
    leaf = authority.issue(CA, NAMES, late)
    assert authority.why_not(leaf, CA, NAMES, late) is None


@pytest.mark.parametrize(
    ("leaf", "ca", "names", "days", "why"),
    [
        (LEAF, CA, NAMES, 795, "it ends on 2029-03-01"),
        (LEAF, CA, [*NAMES, "10.0.0.5"], 0, "it is not for 10.0.0.5"),
        (LEAF, authority.new("whisklab lab", NOW), NAMES, 0, "it is of another authority"),
        (LEAF, authority.new("other", NOW), NAMES, 0, "cannot be read, or is of another"),
        (Pair("", ""), CA, NAMES, 0, "cannot be read"),
        (Pair(LEAF.certificate, CA.key), CA, NAMES, 0, "its key is another one"),
        (Pair(*self_signed("nas")), CA, NAMES, 0, "is of another authority"),
    ],
)
def test_why_a_leaf_is_made_anew(
    leaf: Pair, ca: Pair, names: list[str], days: int, why: str
) -> None:
    found = authority.why_not(leaf, ca, names, NOW + timedelta(days=days))
    assert found is not None
    assert why in found


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (Pair("x", CA.key), "cannot be read"),
        (Pair(CA.certificate, "x"), "cannot be read"),
        (Pair(CA.certificate, LEAF.key), "do not belong together"),
        (LEAF, "may not sign others"),
    ],
)
def test_an_authority_that_cannot_sign(given: Pair, why: str) -> None:
    with pytest.raises(WhisklabError, match=why):
        authority.issue(given, NAMES, NOW)


def test_a_leaf_does_not_outlive_its_authority() -> None:
    late = NOW + timedelta(days=3600)
    leaf = parsed(authority.issue(CA, NAMES, late))
    assert leaf.not_valid_after_utc == parsed(CA).not_valid_after_utc


def test_no_key_is_shown() -> None:
    assert "PRIVATE" not in repr(CA) + repr(LEAF)


def given(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, named: bytes | None) -> Pair:
    """An authority of others: of any kind of key, which it calls as it likes, or not at all."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Theirs")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW + timedelta(days=9000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    if named:
        builder = builder.add_extension(x509.SubjectKeyIdentifier(named), critical=False)
    text = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return Pair(text, private.decode())


@pytest.mark.parametrize("named", [None, b"as they like"])
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_openssl_follows_a_leaf_to_an_authority_of_others(
    tmp_path: Path, kind: str, named: bytes | None
) -> None:
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(CURVE)
    ca = given(key, named=named)
    leaf = authority.issue(ca, ["nas"], NOW)
    assert authority.why_not(leaf, ca, ["nas"], NOW) is None
    (tmp_path / "ca").write_text(ca.certificate)
    (tmp_path / "leaf").write_text(leaf.certificate)
    at = str(int(NOW.timestamp()))
    files = (str(tmp_path / "ca"), str(tmp_path / "leaf"))
    argv = ["openssl", "verify", "-attime", at, "-CAfile", *files]
    subprocess.run(argv, check=True, capture_output=True)
