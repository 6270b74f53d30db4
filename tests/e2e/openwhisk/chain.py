"""A certificate that an intermediate authority has signed, as people get them from others."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa


@dataclass(frozen=True)
class Chain:
    """Files of the certificate with its intermediate one, of its key and of a wrong one.

    `root`: the certificate of the authority above, PEM.
    """

    certificate: Path
    key: Path
    another_key: Path
    root: str

    @classmethod
    def made(cls, directory: Path, addresses: list[str]) -> Chain:
        """Make one for these addresses."""
        keys = [rsa.generate_private_key(65537, 2048) for _ in range(3)]
        root = _signed("Their root", keys[0], None, keys[0])
        middle = _signed("Their intermediate", keys[1], root, keys[0])
        leaf = _signed("Their API", keys[2], middle, keys[1], addresses)
        found = cls(
            directory / "chain.pem", directory / "key.pem", directory / "other.pem", _pem(root)
        )
        found.certificate.write_text(_pem(leaf) + _pem(middle))
        for file, key in ((found.key, keys[2]), (found.another_key, keys[1])):
            file.write_bytes(key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ))  # fmt: skip
        return found


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _signed(
    name: str, key: rsa.RSAPrivateKey, issuer: x509.Certificate | None,
    issuer_key: rsa.RSAPrivateKey, addresses: list[str] | None = None,
) -> x509.Certificate:  # fmt: skip
    subject, now = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
        datetime.now(UTC),
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=not addresses, path_length=None), critical=True)
    )
    if addresses:
        found = [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())
