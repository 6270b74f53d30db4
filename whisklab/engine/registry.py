"""The environment's registry, as all who use it must know it: where it is, whom it trusts.

Its secrets are made once on the laptop. The machine that has the registry keeps a copy of them
(root only), from which another laptop takes them over.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from pyinfra import inventory
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory
from pyinfra.context import ctx_state

from whisklab.engine import authority, survey
from whisklab.engine.authority import RENEWED_BEFORE, Pair
from whisklab.engine.certificates import CertificateSettings
from whisklab.engine.environment import current
from whisklab.engine.files import script
from whisklab.engine.machine import Machine
from whisklab.engine.names import Port
from whisklab.engine.remote import run_quietly
from whisklab.engine.secrets import SecretStore
from whisklab.engine.settings import Settings
from whisklab.engine.urls import bracketed
from whisklab.errors import WhisklabError

PULLER, PUSHER = "nodes", "push"  # accounts
KEPT = "/var/lib/whisklab/registry"  # on its machine; a file for each secret
_PASSWORDS = {PULLER: "registry_pull", PUSHER: "registry_push"}
_SALT = "registry_secret"  # what the registry signs the state of uploads with
_AUTHORITY = ("ca_certificate", "ca_key")
_LEAF = ("registry_certificate", "registry_key")
NAMES = (*_AUTHORITY, *_LEAF, *_PASSWORDS.values(), _SALT)
_BYTES = 24  # random ones of a password
_LOOK = 'for f in "$1"/*; do if test -f "$f"; then echo "${f##*/} $(base64 -w0 < "$f")"; fi; done'


class RegistrySettings(Settings):
    """The private registry, on the first machine of the group registry.

    Attributes:
        enabled: False removes it; what was pushed stays.
        version: of CNCF distribution, such as "v3.1.2"; None takes the catalogue's default.
        port: where nodes pull, with the account `nodes`; nothing can be changed there.
        push_port: where images are pushed, with the account `push`.
    """

    prefix: ClassVar[str] = "registry_"

    enabled: bool = True
    version: str | None = None
    port: Port = 5000
    push_port: Port = 5001


@dataclass(frozen=True)
class Credentials:
    """All secrets of the registry.

    Attributes:
        authority: the environment's.
        leaf: the registry's own certificate and key.
        passwords: by account.
        salt: what it signs the state of uploads with.
    """

    authority: Pair
    leaf: Pair
    passwords: Mapping[str, str] = field(repr=False)
    salt: str = field(repr=False)

    @property
    def files(self) -> dict[str, str]:
        """The same by the names of their files."""
        return {
            **dict(zip(_AUTHORITY, (self.authority.certificate, self.authority.key), strict=True)),
            **dict(zip(_LEAF, (self.leaf.certificate, self.leaf.key), strict=True)),
            **{_PASSWORDS[account]: text for account, text in self.passwords.items()},
            _SALT: self.salt,
        }


@dataclass(frozen=True)
class Access:
    """How a node pulls.

    Attributes:
        address: `host:port`.
        account: its name.
        password: of it.
        authority: the certificate to trust, PEM.
    """

    address: str
    account: str
    password: str = field(repr=False)
    authority: str


def server(machines: Inventory | None = None) -> Host | None:
    """Return the machine that has the registry, None for none.

    Args:
        machines: among which it is looked for; those of the run unless given.
    """
    group = (inventory if machines is None else machines).get_group("registry", default=[])
    found: Host | None = next(iter(group), None)
    return found if found is not None and RegistrySettings.of(found).enabled else None


def machine() -> Host:
    """Return the machine that has the registry.

    Raises:
        WhisklabError: there is none.
    """
    found = server()
    if found is None:
        raise WhisklabError("there is no registry: see registry_enabled, and the group registry")
    return found


def access() -> Access | None:
    """Return how nodes pull from the registry; None without one.

    Raises:
        WhisklabError: the laptop lacks its secrets, and its machine cannot be asked.
    """
    found = server()
    if found is None:
        return None
    known = credentials(found)
    return Access(
        f"{bracketed(Machine.of(found).node_address)}:{RegistrySettings.of(found).port}",
        PULLER,
        known.passwords[PULLER],
        known.authority.certificate,
    )


def credentials(machine: Host) -> Credentials:
    """Return the secrets: the laptop's, else those of the running registry, else new ones.

    Args:
        machine: that has the registry, or will have it.

    Raises:
        WhisklabError: the laptop lacks one, and the machine cannot be asked; or the authority
            cannot sign.
    """

    def look() -> Credentials:
        names = [machine.name, Machine.of(machine).node_address, "localhost", "127.0.0.1"]
        now, within = datetime.now(UTC), CertificateSettings.of(machine).within
        return chosen(current().store, lambda: _kept(machine), names, current().name, now, within)

    return survey.once("registry", look)


def chosen(
    store: SecretStore, there: Callable[[], Mapping[str, str]], names: list[str], title: str,
    now: datetime, within: timedelta = RENEWED_BEFORE,
) -> Credentials:  # fmt: skip
    """Return the secrets, and propose to the store those that it lacks.

    Args:
        store: of the environment.
        there: returns what the machine keeps, by file name; asked only when something lacks.
        names: by which the registry is reached.
        title: of a new authority.
        now: with a time zone.
        within: a certificate that ends sooner is made anew.

    Raises:
        WhisklabError: one half of the authority is there, or it cannot sign.
    """
    found = {name: text for name in NAMES if (text := store.value(name)) is not None}
    kept = there() if len(found) < len(NAMES) else {}
    for name in NAMES:
        if name not in found and name in kept:
            found[name] = store.propose(name, kept[name], "is taken over from the registry")
    _authority(store, found, title, now)
    for name in (*_PASSWORDS.values(), _SALT):
        if name not in found:
            found[name] = store.propose(name, secrets.token_hex(_BYTES), "is generated")
    signer = Pair(*(found[name] for name in _AUTHORITY))
    return Credentials(
        signer,
        _leaf(store, found, signer, names, now, within),
        {account: found[name] for account, name in _PASSWORDS.items()},
        found[_SALT],
    )


def _authority(store: SecretStore, found: dict[str, str], title: str, now: datetime) -> None:
    there = [name for name in _AUTHORITY if name in found]
    if len(there) == 1:
        (lacking,) = set(_AUTHORITY) - set(there)
        raise WhisklabError(
            f"{store.path(lacking)}: not there, and {there[0]} beside it is: put it back, or take "
            "both away and a new authority is made"
        )
    if not there:
        made = authority.new(f"whisklab {title}", now)
        for name, text in zip(_AUTHORITY, (made.certificate, made.key), strict=True):
            found[name] = store.propose(name, text, "is generated")


def _leaf(
    store: SecretStore, found: Mapping[str, str], signer: Pair, names: list[str], now: datetime,
    within: timedelta,
) -> Pair:  # fmt: skip
    leaf = Pair(*(found.get(name, "") for name in _LEAF))
    why = (
        authority.why_not(leaf, signer, names, now, within) if leaf.certificate else "is generated"
    )
    if why is None:
        return leaf
    made = authority.issue(signer, names, now)
    reason = f"is made anew: {why}" if leaf.certificate else why
    there = any(name in found for name in _LEAF)
    texts = zip(_LEAF, (made.certificate, made.key), strict=True)
    return Pair(*(store.propose(name, text, reason, replaces=there) for name, text in texts))


def _kept(machine: Host) -> dict[str, str]:
    """Return what the machine keeps, by file name; nothing where it is in no state to."""
    if machine not in ctx_state.get().inventory.get_active_hosts():
        try:  # a run limited to other machines has not connected to it
            machine.connect(reason="for its secrets", show_errors=False, raise_exceptions=True)
        except ConnectError as error:
            raise WhisklabError(str(error)) from error
    lines = run_quietly(machine, script(_LOOK, KEPT)).splitlines()
    pairs = (line.split() for line in lines)
    return {name: base64.b64decode(text).decode() for name, text in pairs}
