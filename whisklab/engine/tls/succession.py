"""Another authority in the place of the environment's, without a moment in which one is not known.

In three steps, each of which a deploy spreads: both are trusted; the new one signs; the old one is
forgotten. How far it is can be seen from the files of the store, so a killed one goes on.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import IntEnum

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.tls import authority, issuer
from whisklab.errors import WhisklabError

NEXT_KEY = "ca_next_key"  # of the new one, as long as this goes on
_CERTIFICATE, _KEY = issuer.NAMES
_EACH = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")


class Stage(IntEnum):
    """How far it is."""

    NONE = 0
    BOTH_TRUSTED = 1
    NEW_SIGNS = 2
    OLD_FORGOTTEN = 3


WORDS = {
    Stage.BOTH_TRUSTED: "a second authority is trusted, too",
    Stage.NEW_SIGNS: "the new authority signs all certificates",
    Stage.OLD_FORGOTTEN: "the old authority is no longer trusted",
}


class Succession:
    """The change of an environment's authority.

    Args:
        store: of the environment.
        title: of the new authority.
    """

    def __init__(self, store: SecretStore, title: str) -> None:
        self._store, self._title = store, title

    @property
    def stage(self) -> Stage:
        """How far it is, by what is in the store.

        Raises:
            WhisklabError: there is no authority to follow, or a file cannot be read.
        """
        following = self._store.read(NEXT_KEY)
        certificates = self._certificates()
        if following is None or not any(_fits(each, following) for each in certificates):
            return Stage.NONE
        if not _fits(certificates[0], following):
            return Stage.BOTH_TRUSTED
        return Stage.NEW_SIGNS if len(certificates) > 1 else Stage.OLD_FORGOTTEN

    def advance(self, now: datetime) -> Stage:
        """Take the next step in the store; a deploy is to follow it. Return how far it is then.

        Args:
            now: with a time zone.

        Raises:
            WhisklabError: as `stage` does.
        """
        stage, certificates = self.stage, self._certificates()
        if stage is Stage.NONE:
            made = authority.new(self._title, now)
            self._store.write(NEXT_KEY, made.key)
            self._write(certificates[0], made.certificate)
        elif stage is Stage.BOTH_TRUSTED:
            self._write(*reversed(certificates))
            self.settle()
        elif stage is Stage.NEW_SIGNS:
            self._write(certificates[0])
        return self.stage

    def settle(self) -> None:
        """Have the key of the authority that signs, which a killed step may not have written."""
        following = self._store.read(NEXT_KEY)
        if following is not None and self.stage >= Stage.NEW_SIGNS:
            self._store.write(_KEY, following)

    def end(self) -> None:
        """Forget that there was a change, once the last step was spread. Idempotent."""
        self._store.path(NEXT_KEY).unlink(missing_ok=True)

    def _write(self, *certificates: str) -> None:
        self._store.write(_CERTIFICATE, "\n".join(certificates))

    def _certificates(self) -> list[str]:
        found = _EACH.findall(self._store.read(_CERTIFICATE) or "")
        if not found:
            raise WhisklabError(
                f"{self._store.path(_CERTIFICATE)}: no authority is there that another one could "
                "follow: run `whisklab adopt` first, or `whisklab apply`"
            )
        return found


def _fits(certificate: str, key: str) -> bool:
    """Tell whether a certificate is of a key."""
    try:
        public = serialization.load_pem_private_key(key.encode(), None).public_key()
        found = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    except (ValueError, TypeError):
        return False
    return found == public
