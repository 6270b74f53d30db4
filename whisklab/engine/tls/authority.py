"""The environment's own certificate authority, and what it signs. Pure.

Leaves last 825 days at most, which is what macOS accepts, and begin two days back, for machines
whose clock is late.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from whisklab.errors import WhisklabError

AUTHORITY_LASTS = timedelta(days=3650)
LEAF_LASTS = timedelta(days=825)  # https://support.apple.com/en-us/103769
BEGINS_BEFORE = timedelta(days=2)
RENEWED_BEFORE = timedelta(days=30)  # its end
Signer = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_SERVER = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key, as PEM."""

    certificate: str
    key: str = field(repr=False)


def new(name: str, now: datetime) -> Pair:
    """Return a new authority.

    Args:
        name: of it, as browsers and trust stores show it.
        now: with a time zone.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named(name)
    public = key.public_key()
    certificate = (
        _builder(subject, subject, public, now - BEGINS_BEFORE, now + AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def issue(authority: Pair, names: Sequence[str], now: datetime) -> Pair:
    """Return a certificate for a server, with a new key.

    Args:
        authority: that signs it.
        names: DNS names and addresses by which the server is reached; the first is its subject.
        now: with a time zone.

    Raises:
        WhisklabError: the authority cannot sign.
    """
    ca, ca_key = opened(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    begins = now - BEGINS_BEFORE
    ends = min(begins + LEAF_LASTS, ca.not_valid_after_utc)
    certificate = (
        _builder(_named(names[0]), ca.subject, key.public_key(), begins, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(_SERVER, critical=False)
        .add_extension(_alternatives(names), critical=False)
        .add_extension(_signed_by(ca), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return _pair(certificate, key)


def opened(authority: Pair) -> tuple[x509.Certificate, Signer]:
    """Return certificate and key of an authority.

    Raises:
        WhisklabError: they cannot be read, do not belong together, or may not sign.
    """
    try:
        certificate = x509.load_pem_x509_certificate(authority.certificate.encode())
        key = serialization.load_pem_private_key(authority.key.encode(), None)
        limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise WhisklabError(f"the authority cannot be read: {error}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise WhisklabError("the authority's key is of another kind: expected an EC or RSA key")
    if certificate.public_key() != key.public_key():
        raise WhisklabError("the authority's certificate and key do not belong together")
    if not limits.ca:
        raise WhisklabError("the authority's certificate may not sign others (CA:FALSE)")
    return certificate, key


def why_not(
    leaf: Pair,
    authority: Pair,
    names: Sequence[str],
    now: datetime,
    within: timedelta = RENEWED_BEFORE,
) -> str | None:
    """Return why a server's certificate must be made anew, as half a sentence; None if it is good.

    One that ends with its authority is good: another one would not last longer.

    Args:
        leaf: the certificate.
        authority: that is to have signed it.
        names: for which it must be.
        now: with a time zone.
        within: how long it must last at least.

    Raises:
        WhisklabError: the authority cannot be read.
    """
    ca, _ = opened(authority)
    try:
        certificate = x509.load_pem_x509_certificate(leaf.certificate.encode())
        key = serialization.load_pem_private_key(leaf.key.encode(), None)
        certificate.verify_directly_issued_by(ca)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return "it cannot be read, or is of another authority"
    except InvalidSignature:
        return "it is of another authority"
    if certificate.public_key() != key.public_key():
        return "its key is another one"
    missing = [each for each in names if _general(each) not in found]
    if missing:
        return f"it is not for {', '.join(missing)}"
    ends = certificate.not_valid_after_utc
    if ends - now < within and ends < ca.not_valid_after_utc:
        return f"it ends on {ends:%Y-%m-%d}"
    return None


def _signed_by(ca: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    # As the authority calls its key: OpenSSL takes another name for another authority.
    try:
        named = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except x509.ExtensionNotFound:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(_public(ca))
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(named)


def _public(ca: x509.Certificate) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    found = ca.public_key()
    if not isinstance(found, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise WhisklabError("the authority's key is of another kind: expected an EC or RSA key")
    return found


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _alternatives(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general(each) for each in names])


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode())
