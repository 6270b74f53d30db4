"""Certificates in files of hosts and of the laptop: when they end, and what is said of that.

Only certificates are read, never a key: of a kubeconfig and of k3s's cache just the one entry.
The dates are read on the laptop, since a host need not have openssl.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar

import yaml
from cryptography import x509
from pydantic import Field
from pyinfra.api import FactBase
from pyinfra.api.command import StringCommand

from whisklab.engine import documents
from whisklab.engine.data.settings import Settings
from whisklab.engine.scripts import script

ALL_DAYS = 36500  # whatever ends at all
# The first certificate of each file, behind a line with its path: those after it are of who signed.
# (awk reads no line of an empty file, as a power cut may leave one.)
_PRINT = r"""
for each in $1; do if test -f "$each"; then set -- "$@" "$each"; fi; done
shift; test $# -gt 0 || exit 0
awk '
  FNR == 1 { print "= " FILENAME; read[FILENAME]; on = shown = 0 }
  shown { next }
  /-----BEGIN CERTIFICATE-----/ { on = 1 }
  on { print }
  on && /-----END CERTIFICATE-----/ { on = 0; shown = 1 }
  !on && $1 == "client-certificate-data:" { print $2; shown = 1 }
  !on && match($0, /"tls.crt": *"[^"]*/) {
    found = substr($0, RSTART, RLENGTH); sub(/.*"/, "", found); print found; shown = 1
  }
  END { for (i = 1; i < ARGC; i++) if (!(ARGV[i] in read)) print "= " ARGV[i] }
' "$@" || exit 0
"""


class CertificateSettings(Settings):
    """Certificates that end.

    Attributes:
        days: how many days before its end a certificate is told by status and plan, and renewed.
    """

    prefix: ClassVar[str] = "certs_"

    days: Annotated[int, Field(ge=1, le=ALL_DAYS)] = 30

    @property
    def within(self) -> timedelta:
        """The same as a duration."""
        return timedelta(days=self.days)


@dataclass(frozen=True)
class Certificate:
    """A certificate in a file.

    Attributes:
        path: of the file.
        name: whom it is for, "" when it cannot be read.
        begins: when it begins to be valid; with a time zone, as the next one.
        ends: when it ends; None for one that cannot be read.
        signs: whether it is an authority's.
        names: DNS names and addresses that it is good for.
    """

    path: str
    name: str
    begins: datetime | None
    ends: datetime | None
    signs: bool = False
    names: tuple[str, ...] = ()

    def left(self, now: datetime) -> timedelta:
        """Return how long it is valid still; nothing for one that cannot be read."""
        return self.ends - now if self.ends else timedelta(0)

    def is_due(self, now: datetime, within: timedelta) -> bool:
        """Tell whether it ends within that time, has ended, or cannot be read."""
        return self.left(now) < within

    def end(self, now: datetime) -> str:
        """Return half a sentence on its end."""
        if self.ends is None:
            return "cannot be read"
        days = self.left(now).days
        if days < 0:
            return f"ended on {self.ends:%Y-%m-%d}"
        return f"ends on {self.ends:%Y-%m-%d}, in {days} day{'' if days == 1 else 's'}"


class Certificates(FactBase[list[Certificate]]):
    """The certificates in the files of `patterns`, globs separated by spaces."""

    @staticmethod
    def default() -> list[Certificate]:
        """None."""
        return []

    def command(self, patterns: str) -> StringCommand:
        """Print the first certificate of each file that is there."""
        return script(_PRINT, patterns)

    def process(self, output: list[str]) -> list[Certificate]:
        """Parse them."""
        return list(parsed(output))


def parsed(lines: Iterable[str]) -> Iterator[Certificate]:
    """Yield what the lines of `Certificates` say; one without a certificate cannot be read. Pure.

    A file's certificate is PEM as it stands, or PEM in one line of base64.
    """
    path, body = "", list[str]()
    for line in [*lines, "= "]:
        if not line.startswith("= "):
            body.append(line)
            continue
        if path:
            yield read(path, "\n".join(body))
        path, body = line.removeprefix("= "), []


def read(path: str, text: str) -> Certificate:
    """Return the first certificate of a text: PEM, or base64 of PEM. Pure."""
    try:
        pem = text.encode() if "-----BEGIN" in text else base64.b64decode(text, validate=True)
        found = x509.load_pem_x509_certificate(pem)
        names = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        name = str(names[0].value) if names else found.subject.rfc4514_string()
        return Certificate(
            path,
            name,
            found.not_valid_before_utc,
            found.not_valid_after_utc,
            signs=_signs(found),
            names=_names(found),
        )
    except (ValueError, binascii.Error, x509.DuplicateExtension):
        return Certificate(path, "", None, None)


def _signs(found: x509.Certificate) -> bool:
    try:
        return found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(each.value) for each in names)


def of_kubeconfig(path: str, text: str, user: str) -> list[Certificate]:
    """Return the client's certificate that a kubeconfig has for a user; none without one. Pure."""
    try:
        users: Sequence[Any] = documents.read(text)["users"]
        data = [each["user"]["client-certificate-data"] for each in users if each["name"] == user]
    except (yaml.YAMLError, KeyError, TypeError):  # somebody's own, of another form
        return []
    return [read(path, str(each)) for each in data]


def on_laptop(secrets: Path, user: str, kubeconfigs: Iterable[Path] = ()) -> list[Certificate]:
    """Return the certificates on the laptop.

    Args:
        secrets: the environment's directory.
        user: what the environment is called in kubeconfigs.
        kubeconfigs: further ones than the environment's own.
    """
    found = [read(str(each), text) for each in sorted(secrets.glob("*certificate"))
             if (text := _text(each))]  # fmt: skip
    for each in [secrets / "kubeconfig", *kubeconfigs]:
        found += of_kubeconfig(str(each), _text(each), user)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def due(found: Iterable[Certificate], now: datetime, within: timedelta) -> list[Certificate]:
    """Return those that end within that time, the first ones first. Pure."""
    ending = [each for each in found if each.is_due(now, within)]
    return sorted(ending, key=lambda each: each.left(now))


def told(found: Sequence[Certificate], now: datetime, within: timedelta, remedy: str) -> str:
    """Return a sentence on what ends soon; "" when nothing does. Pure.

    Args:
        found: all of one place.
        now: with a time zone.
        within: what soon is.
        remedy: the command that renews all but authorities.
    """
    ending = due(found, now, within)
    if not ending:
        return ""
    first, *others = ending
    others_too = f", and {len(others)} more soon" if others else ""
    signers = [each for each in ending if each.signs]
    remedies = [f"run `{remedy}`"] if len(signers) < len(ending) else []
    if signers:
        remedies.append(f"{signers[0].path} is an authority: see docs/troubleshooting.md")
    return f"{first.path} {first.end(now)}{others_too}: {'; '.join(remedies)}"


def best(found: Sequence[Certificate], now: datetime) -> str:
    """Return a sentence on the one that ends first. Pure."""
    first = min(found, key=lambda each: each.left(now))
    return f"{first.path} is the first that ends: it {first.end(now)}"


def now() -> datetime:
    """Return the laptop's time."""
    return datetime.now(UTC)
