"""The key that signs an environment's bundles, and what a signature looks like."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from whisklab.engine.data.secrets import SecretStore
from whisklab.errors import BadInput, WhisklabError

KEY, PUBLIC = "bundle_key", "bundle_key.pub"  # in .secrets/<env>/
_SHOWN = 32  # hexadecimal digits of a fingerprint


def signer(store: SecretStore) -> Ed25519PrivateKey:
    """Return the environment's key; made once.

    Raises:
        WhisklabError: others can read it, or it is none.
    """
    if store.read(KEY) is None:
        new = Ed25519PrivateKey.generate()
        made = new.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        store.write(KEY, made.decode(), replace=False)
    found = _private(store)
    if store.read(PUBLIC) != (text := pem(found.public_key())).strip():
        store.write(PUBLIC, text)
    return found


def _private(store: SecretStore) -> Ed25519PrivateKey:
    path = store.path(KEY)
    try:
        found = load_pem_private_key((store.read(KEY) or "").encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, Ed25519PrivateKey):
        raise WhisklabError(
            f"{path}: is no ed25519 key: put it back, or remove it and a new one is made, which "
            "people who verify your bundles must be given anew"
        )
    return found


def trusted(store: SecretStore) -> Ed25519PublicKey | None:
    """Return the key that an environment goes by: its own, or one that was put there; None without.

    Raises:
        WhisklabError: others can read it, or it is none.
    """
    if store.read(KEY) is not None:
        return _private(store).public_key()
    given = store.path(PUBLIC)
    return public(given) if given.is_file() else None


def public(path: Path) -> Ed25519PublicKey:
    """Return the public key of a file.

    Raises:
        BadInput: it cannot be read, or is none.
    """
    try:
        found = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}: give the {PUBLIC}") from error
    except (ValueError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, Ed25519PublicKey):
        raise BadInput(f"{path}: is no public key of ed25519 (PEM): give the {PUBLIC} of who built")
    return found


def pem(key: Ed25519PublicKey) -> str:
    """Return a public key as text."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def fingerprint(raw: bytes) -> str:
    """Return how people compare keys."""
    return f"SHA256:{hashlib.sha256(raw).hexdigest()[:_SHOWN]}"


def fingerprint_of(key: Ed25519PublicKey) -> str:
    """Return how people compare a key."""
    return fingerprint(_raw(key))


def signature(key: Ed25519PrivateKey, data: bytes) -> bytes:
    """Return the file that says who signs `data`."""
    return _document(_raw(key.public_key()), key.sign(data))


def _document(raw: bytes, signed: bytes) -> bytes:
    found = {"algorithm": "ed25519", "key": raw.hex(), "signature": signed.hex()}
    return (json.dumps(found, indent=1) + "\n").encode()


def wrong(key: Ed25519PublicKey, data: bytes, document: bytes) -> str | None:
    """Return what is wrong with a signature as the end of a sentence, None if it is right. Pure.

    Args:
        key: who may sign.
        data: what is signed.
        document: of `signature`.
    """
    try:
        found = json.loads(document)
        raw, signed = bytes.fromhex(found["key"]), bytes.fromhex(found["signature"])
    except (ValueError, KeyError, TypeError):
        return "is damaged: copy the bundle again"
    if document != _document(raw, signed):
        return "is damaged: copy the bundle again"
    if raw != _raw(key):
        return (
            f"is by the key {fingerprint(raw)}, and {fingerprint_of(key)} is expected: ask who "
            "built it for their public key, and compare it on another way"
        )
    try:
        key.verify(signed, data)
    except InvalidSignature:
        return "does not fit manifest.json: one of the two is damaged or was changed: copy it again"
    return None
