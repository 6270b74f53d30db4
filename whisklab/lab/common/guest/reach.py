"""Asking a machine by SSH: only with the lab's key, and only who has the machine's host key."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from whisklab import local_network
from whisklab.errors import WhisklabError
from whisklab.lab.common.machine import SSH

if TYPE_CHECKING:
    from paramiko import MissingHostKeyPolicy, PKey, SSHClient

_WITHIN = 10.0  # seconds for each part of a connection


class NotYet(WhisklabError):
    """Nobody answers there, or nobody who lets us in."""


class Stranger(WhisklabError):
    """Who answers there has another host key."""


@dataclass(frozen=True)
class Place:
    """Where a machine's sshd is."""

    address: str
    port: int = SSH

    def __str__(self) -> str:
        """Write it for people."""
        return self.address if self.port == SSH else f"{self.address}:{self.port}"


@dataclass(frozen=True)
class Login:
    """How a machine lets us in: the user, the file of the key, and its public host key."""

    user: str
    key: Path
    host_key: str


class Reach:
    """Asks machines."""

    def ask(self, place: Place, login: Login, command: str) -> str:
        """Return what a command prints there.

        Raises:
            NotYet: nobody answers, or the login is refused.
            Stranger: it is another machine.
        """
        # Its import takes longer than an `up` that finds everything running.
        import paramiko  # noqa: PLC0415

        wanted = _parsed(login.host_key)
        name = place.address if place.port == SSH else f"[{place.address}]:{place.port}"
        with paramiko.SSHClient() as client:
            client.get_host_keys().add(name, wanted.get_name(), wanted)
            client.set_missing_host_key_policy(_refusing(wanted))
            try:
                client.connect(
                    place.address, place.port, login.user, key_filename=str(login.key),
                    allow_agent=False, look_for_keys=False, timeout=_WITHIN,
                    banner_timeout=_WITHIN, auth_timeout=_WITHIN,
                )  # fmt: skip
                given, out, _ = client.exec_command(command, timeout=_WITHIN)
                given.channel.shutdown_write()  # it is asked, and has nothing to wait for
                return out.read().decode(errors="replace")
            except paramiko.BadHostKeyException as error:
                raise _stranger(error.key, wanted) from None
            except paramiko.AuthenticationException:
                raise NotYet(f"{login.user} is not let in by the lab's key") from None
            except (paramiko.SSHException, OSError, EOFError) as error:
                raise NotYet(_why(error)) from None


def public_of(private: str) -> str:
    """Return the public half of an Ed25519 key, both as OpenSSH writes them."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    key = serialization.load_ssh_private_key(private.encode(), None).public_key()
    return key.public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ).decode()


def _parsed(public: str) -> PKey:
    import paramiko  # noqa: PLC0415

    return paramiko.Ed25519Key(data=base64.b64decode(public.split()[1]))


def _refusing(wanted: PKey) -> MissingHostKeyPolicy:
    """Return what refuses a machine that has no key of the wanted kind at all."""
    import paramiko  # noqa: PLC0415

    class Refusing(paramiko.MissingHostKeyPolicy):
        def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:  # noqa: ARG002
            raise _stranger(key, wanted)

    return Refusing()


def _stranger(shown: PKey, wanted: PKey) -> Stranger:
    prints = [_fingerprint(each.asbytes()) for each in (shown, wanted)]
    return Stranger(f"it shows the host key {prints[0]}, and the machine's is {prints[1]}")


def _fingerprint(key: bytes) -> str:
    """Return a public key's fingerprint as OpenSSH shows it."""
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def _why(error: BaseException) -> str:
    number = getattr(error, "errno", None)
    causes = getattr(error, "errors", None)  # of paramiko, when no address answers
    if number is None and causes:
        number = next((each.errno for each in causes.values()), None)
    if local_network.is_refused(number):
        return local_network.REFUSED
    return str(error) or type(error).__name__
