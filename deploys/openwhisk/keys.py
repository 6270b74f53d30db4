"""The keys of OpenWhisk: public ones of the chart, given, of the running one, or generated once."""

from __future__ import annotations

import base64
import secrets
import string
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pyinfra.api.host import Host

from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.facts import everywhere
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import DEPLOYED, Release
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.objects import SECRET, objects
from whisklab.engine.run.environment import current
from whisklab.errors import WhisklabError

T = TypeVar("T")
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


# Field of `Keys` to the file of the store, and to the chart's Secret and its entry.
_FILES = {
    "guest": "openwhisk_guest_auth",
    "system": "openwhisk_system_auth",
    "db_password": "openwhisk_db_password",
}
_SECRETS = {
    "guest": ("whisk.auth", "guest"),
    "system": ("whisk.auth", "system"),
    "db_password": ("db.auth", "db_password"),
}


def keys_of(leader: Host, api: kube.Endpoint) -> Keys:
    """Return the keys of the environment: given ones, else the laptop's, else the running ones.

    Only where there are none of these, new ones are proposed.

    Args:
        leader: the first server.
        api: of this server.

    Raises:
        WhisklabError: the laptop lacks keys that a cluster may have, and its API does not answer.
    """
    settings = OpenWhiskSettings.of(leader)

    def there() -> Keys | None:
        return asked(lambda: installed(leader, api, settings) or running(leader, api, settings))

    return keys(settings, current().store, there)


def asked(look: Callable[[], T]) -> T | None:
    """Return what a cluster has that this laptop lacks; None where there is no cluster yet.

    Raises:
        WhisklabError: a cluster is there, and does not answer.
    """
    try:
        return look()
    except kube.NoCluster:
        return None
    except kube.Unreachable as error:
        raise WhisklabError(
            f"{current().secrets} lacks secrets of OpenWhisk, and the cluster that may have them "
            f"does not answer ({error}): run `whisklab apply {current().name} --only k3s` first"
        ) from error


def running(leader: Host, api: kube.Endpoint, settings: OpenWhiskSettings) -> Keys | None:
    """Return the keys that the cluster's Secrets have; None when it has none. Asked once in a run.

    Args:
        leader: the first server.
        api: of this server.
        settings: of the leader.

    Raises:
        Unreachable: the API does not answer.
    """

    def look() -> Keys | None:
        names = dict.fromkeys(secret for secret, _ in _SECRETS.values())
        return _decoded({name: _secret(leader, api, settings, name) for name in names})

    return everywhere.once("openwhisk keys", look)


def installed(leader: Host, api: kube.Endpoint, settings: OpenWhiskSettings) -> Keys | None:
    """Return the keys that OpenWhisk was installed with, by Helm's record; None without one.

    A Secret in the cluster may have been changed by hand; what the database has is this. Arguments
    and errors as for `running`.
    """
    return _decoded(recorded(leader, api, settings))


def recorded(
    leader: Host, api: kube.Endpoint, settings: OpenWhiskSettings
) -> Mapping[str, Mapping[str, str]]:
    """Return the data of the Secrets of Helm's record, by their names without the release's.

    Arguments and errors as for `running`.
    """
    cluster = Cluster(leader, api)
    release = Release(settings.release, None, settings.namespace)
    found = cluster.latest(release, DEPLOYED) or cluster.latest(release)
    made = objects(found.manifest) if found else {}
    return {
        each.name.removeprefix(f"{settings.release}-"): made[each].get("data") or {}
        for each in made
        if each.kind == SECRET
    }


def _decoded(data: Mapping[str, Mapping[str, str]]) -> Keys | None:
    """Read the keys from the data of the chart's Secrets, by their names without the release's."""
    texts = {field: data.get(secret, {}).get(entry) for field, (secret, entry) in _SECRETS.items()}
    if None in texts.values():
        return None
    return Keys(**{field: base64.b64decode(str(text)).decode() for field, text in texts.items()})


def _secret(
    leader: Host, api: kube.Endpoint, settings: OpenWhiskSettings, name: str
) -> Mapping[str, str]:
    path = f"/api/v1/namespaces/{settings.namespace}/secrets/{settings.release}-{name}"
    return (Client(leader, api).get(path) or {}).get("data") or {}


def keys(settings: OpenWhiskSettings, store: SecretStore, there: Callable[[], Keys | None]) -> Keys:
    """Return the keys of an environment.

    Args:
        settings: of the leader.
        store: of the environment; what is taken over or generated is proposed to it.
        there: returns the running ones; asked only when one is missing.

    Raises:
        WhisklabError: a file of the store is empty, or others may read it.
    """
    if settings.public_credentials:
        return Keys(GUEST, SYSTEM, DB_PASSWORD)

    def kept(field: str, fresh: Callable[[], str]) -> str:
        known = store.value(_FILES[field])
        if known is not None:
            return known
        found = there()
        if found is None:
            return store.propose(_FILES[field], fresh(), "is generated")
        why = "is taken over from the running OpenWhisk"
        return store.propose(_FILES[field], getattr(found, field), why)

    return Keys(
        guest=settings.guest_auth or kept("guest", _key),
        system=settings.system_auth or kept("system", _key),
        db_password=settings.db_password or kept("db_password", lambda: secrets.token_hex(16)),
    )


def source(settings: OpenWhiskSettings, store: SecretStore, field: str) -> str:
    """Return where a key or the password comes from, for sentences. Pure.

    Args:
        settings: of the leader.
        store: of the environment.
        field: of `Keys`.
    """
    if settings.public_credentials:
        return "the chart (openwhisk_public_credentials)"
    name = _FILES[field]
    given = getattr(settings, name.removeprefix("openwhisk_")) is not None
    return name if given else str(store.path(name))


def refusals(
    settings: OpenWhiskSettings, store: SecretStore, wanted: Keys, found: Keys | None
) -> list[str]:
    """Return why keys must not be changed: the database has those of the installation. Pure.

    Args:
        settings: of the leader.
        store: of the environment.
        wanted: of the data and the laptop.
        found: the running ones, None where there is no OpenWhisk yet.
    """
    if found is None:
        return []
    other = [each for each in _FILES if getattr(wanted, each) != getattr(found, each)]
    return [
        f"{source(settings, store, each)}: another {_WORDS[each]} than the running OpenWhisk has; "
        "its database keeps the one of its installation, so nobody could log in: take it out and "
        f"run `whisklab adopt {current().name}`, or install OpenWhisk anew with it: export the "
        "actions, remove it with its claims, apply, import"
        for each in other
    ]


_WORDS = {
    "guest": "key of guest",
    "system": "key of whisk.system",
    "db_password": "password of CouchDB",
}


def _key() -> str:
    return f"{uuid.uuid4()}:{''.join(secrets.choice(LETTERS) for _ in range(KEY_LENGTH))}"
