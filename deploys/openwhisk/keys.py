"""The keys of OpenWhisk: public ones of the chart, given ones, or generated once on the laptop."""

from __future__ import annotations

import secrets
import string
import uuid
from dataclasses import dataclass, field
from functools import partial

from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine.secrets import SecretStore

# What the chart itself publishes (values.yaml, commit 108f3275): known to everybody.
GUEST = (
    "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:"
    "123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
)
SYSTEM = (
    "789c46b1-71f6-4ed5-8c54-816aa4f8c502:"
    "abczO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
)
DB_PASSWORD = "some_passw0rd"  # noqa: S105  public, see above
LETTERS = string.ascii_letters + string.digits
KEY_LENGTH = 64  # characters behind the UUID


@dataclass(frozen=True)
class Keys:
    """All that lets somebody in.

    Attributes:
        guest: of the namespace `guest`, which users work in.
        system: of the namespace `whisk.system`.
        db_password: of CouchDB's administrator.
    """

    guest: str = field(repr=False)
    system: str = field(repr=False)
    db_password: str = field(repr=False)


def keys(settings: OpenWhiskSettings, store: SecretStore) -> Keys:
    """Return the keys of an environment; what is neither given nor public is generated once.

    Args:
        settings: of the leader.
        store: of the environment.

    Raises:
        WhisklabError: a file of the store is empty, or others may read it.
    """
    if settings.public_credentials:
        return Keys(GUEST, SYSTEM, DB_PASSWORD)
    kept = partial(_kept, store)
    return Keys(
        guest=settings.guest_auth or kept("openwhisk_guest_auth", _key()),
        system=settings.system_auth or kept("openwhisk_system_auth", _key()),
        db_password=settings.db_password or kept("openwhisk_db_password", secrets.token_hex(16)),
    )


def _kept(store: SecretStore, name: str, fresh: str) -> str:
    found = store.read(name)
    if found is None:
        store.write(name, fresh, replace=False)
        found = store.read(name)
    return found or fresh


def _key() -> str:
    return f"{uuid.uuid4()}:{''.join(secrets.choice(LETTERS) for _ in range(KEY_LENGTH))}"
