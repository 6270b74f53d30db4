"""Files of the registry, as pure functions. Paths and names stand here, once."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from whisklab.engine.registries.registry import RegistrySettings
from whisklab.engine.registries.secrets import PULLER, PUSHER, Credentials
from whisklab.engine.resources.paths import digest
from whisklab.engine.resources.units import recorder
from whisklab.engine.templates import rendered
from whisklab.engine.urls import bracketed

BINARY = "/usr/local/bin/whisklab-registry"
USER = "whisklab-registry"
DATA = "/var/lib/whisklab-registry"
DIRECTORY = "/etc/whisklab-registry"
CERTIFICATE, KEY, AUTHORITY = (f"{DIRECTORY}/{name}" for name in ("tls.crt", "tls.key", "ca.crt"))
HEADER = "# Written by whisklab (deploys/registry); changes are undone by the next run."
PACKAGES = ("curl",)  # asks whether it answers
# Passwords are of 192 random bits: guessing them is no cheaper by a cheap hash, and a run that
# changes nothing makes two.
_ROUNDS = 5
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Door:
    """One of the two services on the same images: an account has every right of its door.

    Attributes:
        service: the unit's name.
        port: where it listens.
        reads_only: whether nothing can be changed there.
        users: the accounts that are let in.
    """

    service: str
    port: int
    reads_only: bool
    users: tuple[str, ...]

    @property
    def unit(self) -> str:
        """The path of its unit."""
        return f"/etc/systemd/system/{self.service}.service"

    @property
    def configuration(self) -> str:
        """The path of its configuration."""
        return f"{DIRECTORY}/{self.service}.yml"

    @property
    def accounts(self) -> str:
        """The path of its accounts, which it reads anew when they change."""
        return f"{DIRECTORY}/{self.service}.accounts"


def doors(settings: RegistrySettings) -> list[Door]:
    """Return both services: where nodes pull, and where images are pushed."""
    return [
        Door("whisklab-registry", settings.port, reads_only=True, users=(PULLER, PUSHER)),
        Door("whisklab-registry-push", settings.push_port, reads_only=False, users=(PUSHER,)),
    ]


def configuration(door: Door, address: str, known: Credentials) -> str:
    """Return the configuration of a door."""
    return rendered(
        _TEMPLATES / "config.yml.j2",
        address=bracketed(address), certificate=CERTIFICATE, data=DATA, door=door, key=KEY,
        salt=known.salt,
    )  # fmt: skip


def unit(door: Door, program: str) -> str:
    """Return the systemd unit of a door.

    Args:
        door: whose it is.
        program: what it runs, with version and checksum: another one restarts it.
    """
    record = recorder(door.service, [door.configuration, CERTIFICATE, KEY, door.unit])
    return rendered(
        _TEMPLATES / "unit.service.j2",
        binary=BINARY,
        data=DATA,
        door=door,
        program=program,
        recorder=record,
        user=USER,
    )


def accounts(door: Door, known: Credentials) -> str:
    """Return the accounts of a door, with passwords hashed by bcrypt."""
    lines = (f"{user}:{_hashed(user, known.passwords[user])}" for user in door.users)
    return "\n".join(lines) + "\n"


def wish(door: Door, address: str, program: str, known: Credentials) -> dict[str, str]:
    """Return what the process must have started from: path to SHA-256."""
    return {
        door.configuration: digest(configuration(door, address, known)),
        CERTIFICATE: digest(known.leaf.certificate),
        KEY: digest(known.leaf.key),
        door.unit: digest(unit(door, program)),
    }


def url(address: str, port: int) -> str:
    """Return the URL of a door, without a slash at the end."""
    return f"https://{bracketed(address)}:{port}"


def _hashed(user: str, password: str) -> str:
    # The same password gives the same line, so that a second run finds nothing to change.
    seed = hashlib.sha256(f"{user} {password}".encode()).digest()[:16]
    standard = base64.b64encode(seed).decode().rstrip("=")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    of_bcrypt = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    salt = standard.translate(str.maketrans(letters, of_bcrypt))
    return bcrypt.hashpw(password.encode(), f"$2b${_ROUNDS:02}${salt}".encode()).decode()
