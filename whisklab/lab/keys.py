"""SSH keys of a lab: made once, by the user, so that no host's key is ever taken on trust."""

from __future__ import annotations

from pathlib import Path

from whisklab.lab.common.machine import SSH
from whisklab.lab.state import StatePaths, write


def _ensure(private: Path, comment: str) -> str:
    """Make an ed25519 key unless there is one; return its public half as OpenSSH writes it."""
    public = private.with_name(private.name + ".pub")
    if private.exists() and public.exists():
        return public.read_text(encoding="utf-8").strip()
    # Its import takes longer than all the rest of a second `up`.
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    key = Ed25519PrivateKey.generate()
    private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    shown = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    write(private, secret.decode())
    write(public, f"{shown.decode()} {comment}\n", 0o644)
    return f"{shown.decode()} {comment}"


def user_key(paths: StatePaths, lab: str) -> str:
    """The public key of the lab's user."""
    return _ensure(paths.key, f"whisklab-{lab}")


def host_key(paths: StatePaths, host: str) -> tuple[str, str]:
    """The private and the public ssh key of a host."""
    public = _ensure(paths.host_key(host), host)
    return paths.host_key(host).read_text(encoding="utf-8"), public


def known_hosts_line(address: str, port: int, public_key: str) -> str:
    """The line by which OpenSSH knows the host behind a port of an address."""
    kind, key, *_ = public_key.split(" ")
    where = address if port == SSH else f"[{address}]:{port}"
    return f"{where} {kind} {key}\n"
