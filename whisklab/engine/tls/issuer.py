"""The environment's authority, and the certificates that it signs for servers.

It is given or made once on the laptop. The first server keeps a copy (root only), from which
another laptop takes it over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyinfra import inventory
from pyinfra.api.host import Host

from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.facts import everywhere
from whisklab.engine.resources import copies
from whisklab.engine.run.environment import current
from whisklab.engine.tls import authority
from whisklab.engine.tls.authority import RENEWED_BEFORE, Pair
from whisklab.errors import WhisklabError

KEPT = "/var/lib/whisklab/authority"  # on the first server; a file for each secret
NAMES = ("ca_certificate", "ca_key")


@dataclass(frozen=True)
class Wish:
    """A server's certificate.

    Attributes:
        files: of the store, for the certificate and its key.
        hosts: DNS names and addresses by which the server is reached.
        within: one that ends sooner is made anew.
    """

    files: tuple[str, str]
    hosts: Sequence[str]
    within: timedelta = RENEWED_BEFORE


def signer(leader: Host | None = None) -> Pair:
    """Return the authority: the laptop's, else the platform's, else a new one.

    Args:
        leader: the first server; that of the run unless given.

    Raises:
        WhisklabError: the laptop lacks it, and the first server cannot be asked; half of it is
            there; or it cannot sign.
    """

    def look() -> Pair:
        first = inventory.get_group("masters")[0] if leader is None else leader
        environment = current()
        return chosen(
            environment.store, lambda: copies.there(first, KEPT), environment.name,
            datetime.now(UTC),
        )  # fmt: skip

    return everywhere.once("authority", look)


def chosen(
    store: SecretStore, there: Callable[[], Mapping[str, str]], title: str, now: datetime
) -> Pair:
    """Return the authority, and propose it to a store that lacks it.

    Args:
        store: of the environment.
        there: returns what the first server keeps, by file name; asked only when it lacks.
        title: of a new one.
        now: with a time zone.

    Raises:
        WhisklabError: half of it is there, or it cannot sign.
    """
    found = {name: text for name in NAMES if (text := store.value(name)) is not None}
    kept = there() if len(found) < len(NAMES) else {}
    for name in NAMES:
        if name not in found and name in kept:
            found[name] = store.propose(name, kept[name], "is taken over from the first server")
    if len(found) == 1:
        (lacking,) = set(NAMES) - set(found)
        raise WhisklabError(
            f"{store.path(lacking)}: not there, and {min(found)} beside it is: put it back, or "
            "take both away and a new authority is made"
        )
    if not found:
        made = authority.new(f"whisklab {title}", now)
        for name, text in zip(NAMES, (made.certificate, made.key), strict=True):
            found[name] = store.propose(name, text, "is generated")
    pair = Pair(*(found[name] for name in NAMES))
    authority.opened(pair)
    return pair


def leaf(
    store: SecretStore, wish: Wish, there: Callable[[], Mapping[str, str]], signer: Pair,
    now: datetime,
) -> Pair:  # fmt: skip
    """Return a server's certificate: the laptop's, else the running one; anew if it does not fit.

    Args:
        store: of the environment; what is taken over or made is proposed to it.
        wish: whose it is.
        there: returns the running one, by the names of the store; asked only when one lacks.
        signer: the authority.
        now: with a time zone.

    Raises:
        WhisklabError: the authority cannot sign.
    """
    found = {name: text for name in wish.files if (text := store.value(name)) is not None}
    lacking = [name for name in wish.files if name not in found]
    kept = there() if lacking else {}
    for name in lacking:
        if name in kept:
            found[name] = store.propose(name, kept[name], "is taken over from the platform")
    pair = Pair(*(found.get(name, "") for name in wish.files))
    why: str | None = "is generated"
    if pair.certificate:
        why = authority.why_not(pair, signer, wish.hosts, now, wish.within)
    if why is None:
        return pair
    made = authority.issue(signer, wish.hosts, now)
    reason = f"is made anew: {why}" if pair.certificate else why
    texts = zip(wish.files, (made.certificate, made.key), strict=True)
    return Pair(*(store.propose(name, text, reason, replaces=bool(found)) for name, text in texts))
