"""Host keys, what a known_hosts file says of them, and certificates for them. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

from whisklab.errors import BadInput

CERTIFICATE = "-cert-v01@openssh.com"  # behind the kind of a key
_AUTHORITY, _REVOKED = "@cert-authority", "@revoked"  # sshd(8)


@dataclass(frozen=True)
class HostKey:
    """A host's public key, or its certificate: the kind and the bytes in base64."""

    kind: str
    text: str

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen shows it: SHA256:..."""
        digest = hashlib.sha256(base64.b64decode(self.text)).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


@dataclass(frozen=True)
class Known:
    """What known_hosts files have of one machine.

    Attributes:
        keys: that are its own.
        authorities: whose certificates are good for it.
        revoked: keys, of it or of an authority, that must not be used.
    """

    keys: frozenset[HostKey] = frozenset()
    authorities: frozenset[HostKey] = frozenset()
    revoked: frozenset[HostKey] = frozenset()


def known_lines(lines: Iterable[str]) -> Known:
    """Return what `ssh-keygen -F` has found of a machine; what is no key is left out."""
    found: dict[str, set[HostKey]] = {"": set(), _AUTHORITY: set(), _REVOKED: set()}
    for line in lines:
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        mark = words.pop(0) if words[0].startswith("@") else ""
        if mark in found and len(words) > 2 and _is_base64(words[2]):  # noqa: PLR2004
            found[mark].add(HostKey(words[1], words[2]))
    return Known(*(frozenset(found[mark]) for mark in ("", _AUTHORITY, _REVOKED)))


def host_keys(lines: Iterable[str]) -> dict[str, HostKey]:
    """Return the first key of each name of a known_hosts file of ours.

    Raises:
        BadInput: it has a line of another form.
    """
    found: dict[str, HostKey] = {}
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        words = line.split()
        if len(words) < 3 or not _is_base64(words[2]):  # noqa: PLR2004
            raise BadInput(f"no line of a known_hosts file: {line}")
        found.setdefault(words[0], HostKey(words[1], words[2]))
    return found


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        return False


def certified(certificate: HostKey, host: str, now: datetime) -> tuple[HostKey, HostKey] | None:
    """Return the key that a certificate is for, and who signed it; None when it is no good.

    It is held to what OpenSSH holds it to: a host's, for this name, now, without an option that
    nobody knows.

    Args:
        certificate: that a machine has shown.
        host: its address, or name, without a port.
        now: the time.
    """
    try:
        found = load_ssh_public_identity(f"{certificate.kind} {certificate.text}".encode())
        if not isinstance(found, SSHCertificate):
            return None
        found.verify_cert_signature()
        names = [name.decode() for name in found.valid_principals]
        pair = _key(found.public_key()), _key(found.signature_key())
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return None
    holds = (
        found.type is SSHCertificateType.HOST
        and not found.critical_options
        and found.valid_after <= now.timestamp() < found.valid_before
        and any(fnmatchcase(host, name) for name in names)
    )
    return pair if holds else None


def _key(key: object) -> HostKey:
    text: bytes = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)  # type: ignore[attr-defined]
    kind, body = text.decode().split()[:2]
    return HostKey(kind, body)
