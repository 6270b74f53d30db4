"""The lock of images: what each tag means, resolved once; beside the catalogue's own lock."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whisklab.engine.data.secrets import write_private
from whisklab.errors import BadInput, WhisklabError

_HEADER = """\
# Written by `whisklab bundle build`; do not edit. The digest that each image's name had when it was
# asked for first. Remove a line, and the next build asks again.
"""


class _Locked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")


class ImageLock:
    """The lock beside a catalogue.

    Args:
        catalogue: path of the catalogue.

    Raises:
        BadInput: the lock is none.
    """

    def __init__(self, catalogue: Path) -> None:
        self.path = catalogue.with_suffix(".images.lock.yaml")
        self._digests = _read(self.path)

    def digest(self, name: str) -> str | None:
        """Return the digest of a name, None for one that is not locked."""
        return self._digests.get(name)

    def add(self, name: str, digest: str) -> None:
        """Have a name mean a digest from now on.

        Raises:
            WhisklabError: it cannot be written.
        """
        self._digests[name] = digest
        # At once, so that a run after a killed one asks for no tag again. What another run has
        # locked meanwhile holds.
        found = {**self._digests, **_read(self.path)}
        tree = {name: {"digest": found[name]} for name in sorted(found)}
        try:
            write_private(self.path, _HEADER + yaml.safe_dump(tree, width=1000))
            self.path.chmod(0o644)
        except OSError as error:
            raise WhisklabError(
                f"{self.path}: cannot be written ({error.strerror}): make it yours"
            ) from error


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return {str(name): _Locked.model_validate(each).digest for name, each in found.items()}
    except (OSError, ValueError, AttributeError, yaml.YAMLError, ValidationError) as error:
        raise BadInput(
            f"{path}: is no lock of images ({type(error).__name__}): put it back from your version "
            "control, or remove it and the next build asks for all again"
        ) from error
