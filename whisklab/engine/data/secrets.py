"""Secrets of an environment: given, taken over from the running platform, or generated once.

They live in `.secrets/<env>/<name>` (directory 0700, files 0600, git-ignored). A user gives a
secret of his own by writing that file before the first run. What a run takes over or generates is
proposed first, and written when the run executes: a plan writes nothing.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from whisklab.errors import WhisklabError


@dataclass(frozen=True)
class Proposed:
    """A secret that this run uses, and `why` it is this one; its file is not written yet.

    `replaces`: it takes the place of one that is there, such as a certificate that has ended.
    """

    text: str = field(repr=False)
    why: str
    replaces: bool = False


class SecretStore:
    """The secrets of one environment.

    Args:
        directory: `.secrets/<env>`; made with mode 0700 when the first secret is written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._proposed: dict[str, Proposed] = {}

    def path(self, name: str) -> Path:
        """Return where the secret `name` is kept; it need not exist."""
        return self._directory / name

    def read(self, name: str) -> str | None:
        """Return the secret without surrounding white space, None when it was never written.

        Raises:
            WhisklabError: it is empty, others may read it, or it cannot be read.
        """
        path = self.path(name)
        try:
            text = path.read_text().strip()
            mode = path.stat().st_mode
        except FileNotFoundError:
            return None
        except OSError as error:
            raise WhisklabError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:  # whose text would show the secret
            raise WhisklabError(f"{path}: the secret is no text: write it anew") from None
        if mode & 0o077:
            raise WhisklabError(f"{path}: others can read this secret: chmod 600 {path}")
        if not text:
            raise WhisklabError(
                f"{path}: the secret is empty: write it, or remove the file and a new one is made"
            )
        return text

    def texts(self) -> list[str]:
        """Return the contents of all secrets, those that are proposed too."""
        there = [each for each in self._directory.glob("*") if each.is_file()]
        texts = [each.read_text(encoding="utf-8", errors="replace") for each in there]
        return [*texts, *(each.text for each in self._proposed.values())]

    def value(self, name: str) -> str | None:
        """Return the secret of the file, else the one that is proposed, else None."""
        proposed = self._proposed.get(name)
        if proposed and proposed.replaces:
            return proposed.text
        return self.read(name) or (proposed.text if proposed else None)

    def propose(self, name: str, text: str, why: str, *, replaces: bool = False) -> str:
        """Use a secret in this run, and have `keep` write it; the first proposal stays.

        Args:
            name: the file's name.
            text: the secret.
            why: half a sentence on where it comes from.
            replaces: also when there is one, in a file or proposed.

        Returns:
            The one to use.
        """
        if replaces or name not in self._proposed:
            self._proposed[name] = Proposed(text.strip(), why, replaces)
        return self._proposed[name].text

    @property
    def proposed(self) -> Mapping[str, Proposed]:
        """What `keep` would write."""
        return dict(self._proposed)

    def keep(self) -> None:
        """Write what was proposed. Idempotent.

        Raises:
            WhisklabError: another run has written another one meanwhile, or it cannot be written.
        """
        for name, proposed in self.proposed.items():
            self.write(name, proposed.text, replace=proposed.replaces)
            if self.read(name) != proposed.text:
                raise WhisklabError(
                    f"{self.path(name)}: another run has written it meanwhile: run again"
                )
            del self._proposed[name]

    def write(self, name: str, text: str, *, replace: bool = True) -> None:
        """Write a secret whole or not at all; with `replace=False` the first writer wins.

        Raises:
            WhisklabError: it cannot be written.
        """
        path = self.path(name)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._directory.chmod(0o700)
            write_private(path, text.rstrip("\n") + "\n", replace=replace)
        except OSError as error:
            raise WhisklabError(f"{path}: cannot be written: {error.strerror}") from error


def write_private(path: Path, text: str, *, replace: bool = True) -> None:
    """Write a file that only its owner reads (0600), whole or not at all.

    Args:
        path: in a directory that is there.
        text: its content.
        replace: take the place of a file that is there; else that stays.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if replace:
            part.replace(path)
        else:
            _link_once(part, path)
    finally:
        part.unlink(missing_ok=True)


def _link_once(part: Path, path: Path) -> None:
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return  # another run was first; its value is the one to use
