"""Secrets of a registry of our own: made once on the laptop, or taken over from the platform."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.tls import issuer
from whisklab.engine.tls.authority import RENEWED_BEFORE, Pair

PULLER, PUSHER = "nodes", "push"  # accounts
PASSWORDS = {PULLER: "registry_pull", PUSHER: "registry_push"}  # secrets
_SALT = "registry_secret"  # what the registry signs the state of uploads with
_LEAF = ("registry_certificate", "registry_key")
NAMES = (*_LEAF, *PASSWORDS.values(), _SALT)
_BYTES = 24  # random ones of a password


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
        """Those that are the registry's own, by the names of their files."""
        return {
            **dict(zip(_LEAF, (self.leaf.certificate, self.leaf.key), strict=True)),
            **{PASSWORDS[account]: text for account, text in self.passwords.items()},
            _SALT: self.salt,
        }


def chosen(
    store: SecretStore, there: Callable[[], Mapping[str, str]], signer: Pair, hosts: Sequence[str],
    now: datetime, within: timedelta = RENEWED_BEFORE,
) -> Credentials:  # fmt: skip
    """Return the secrets, and propose to the store those that it lacks.

    Args:
        store: of the environment.
        there: returns what the machine keeps, by file name; asked only when something lacks.
        signer: the environment's authority.
        hosts: names and addresses by which the registry is reached.
        now: with a time zone.
        within: a certificate that ends sooner is made anew.

    Raises:
        WhisklabError: the authority cannot sign.
    """
    names = (*PASSWORDS.values(), _SALT)
    kept = there() if any(store.value(name) is None for name in NAMES) else {}
    found = {name: _kept(store, name, kept) for name in names}
    leaf = issuer.leaf(store, issuer.Wish(_LEAF, hosts, within), lambda: kept, signer, now)
    passwords = {account: found[name] for account, name in PASSWORDS.items()}
    return Credentials(signer, leaf, passwords, found[_SALT])


def _kept(store: SecretStore, name: str, kept: Mapping[str, str]) -> str:
    known = store.value(name)
    if known is not None:
        return known
    if name in kept:
        return store.propose(name, kept[name], "is taken over from the platform")
    return store.propose(name, secrets.token_hex(_BYTES), "is generated")
