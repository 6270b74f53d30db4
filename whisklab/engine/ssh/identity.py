"""A private key that needs a passphrase, and the agent that has it unlocked."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path

import paramiko

_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"
_END = "-----END OPENSSH PRIVATE KEY-----"
_MAGIC = b"openssh-key-v1\0"


@dataclass(frozen=True)
class Locked:
    """A key file that is encrypted; its public key, None where neither it nor a .pub tells it."""

    public: bytes | None


def locked(path: Path) -> Locked | None:
    """Return what is known of an encrypted key file; None for any other file, or none.

    (OpenSSH's form, PROTOCOL.key in its sources, has the public key in front, in the clear.)
    """
    try:
        text = path.read_text(encoding="ascii")
        if _BEGIN not in text:
            return Locked(_beside(path)) if "ENCRYPTED" in text else None
        body = base64.b64decode(text.partition(_BEGIN)[2].partition(_END)[0])
    except (OSError, UnicodeDecodeError, binascii.Error):
        return None  # whoever loads it says why
    if not body.startswith(_MAGIC):
        return None
    message = paramiko.Message(body.removeprefix(_MAGIC))
    cipher, _, _ = (message.get_binary() for _ in range(3))
    message.get_int()
    return None if cipher == b"none" else Locked(message.get_binary())


def _beside(path: Path) -> bytes | None:
    try:
        words = path.with_name(f"{path.name}.pub").read_text(encoding="utf-8").split()
        return base64.b64decode(words[1])
    except (OSError, ValueError, IndexError):
        return None


def in_agent(key: Locked) -> paramiko.PKey | None:
    """Return the agent's key for a file, None when the agent does not have it or there is none."""
    for each in paramiko.Agent().get_keys():
        if key.public in (None, each.asbytes()):
            return each
    return None
