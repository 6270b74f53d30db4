"""Names of images, as people and archives write them, and as the registry has them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from whisklab.engine.registries.access import Access
from whisklab.errors import BadInput

LATEST = "latest"  # what a name without a tag means everywhere
# OCI distribution specification, "Pulling manifests".
_REPOSITORY = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# With a dot or a port, else it is part of the repository.
_HOST = re.compile(r"(?=.*[.:])(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:[0-9]+)?")
_LONGEST = 255  # characters of a repository; many clients take no more, the specification says


@dataclass(frozen=True, order=True)
class Reference:
    """A tag in a repository of the registry."""

    repository: str
    tag: str

    def __str__(self) -> str:
        """As people write it, without the registry's address."""
        return f"{self.repository}:{self.tag}"


def is_digest(text: str) -> bool:
    """Tell whether `text` is a SHA-256 digest."""
    return _DIGEST.fullmatch(text) is not None


def parse(text: str, access: Access | None = None) -> Reference:
    """Return what a name means in the registry: without the host that it may begin with.

    Args:
        text: the name; all lie below the registry's project, and one that begins with its own
            address has that already.
        access: to the registry, None for one without a project.

    Raises:
        BadInput: it is no name of an image, has a digest, or lies elsewhere in the registry.
    """
    whole, at, _ = text.partition("@")
    if at:
        raise BadInput(f"{text}: has a digest, which the image brings itself: leave it out")
    name, tag = split_tag(whole)
    tag = tag or ("" if text.endswith(":") else LATEST)
    repository = without_host(name)
    if access is not None and name.startswith(f"{access.address}/"):
        if not repository.startswith(access.below):
            raise BadInput(
                f"{text}: is not below the project {access.project} of {access.url}: leave the "
                "address out, or see registry_project"
            )
        repository = repository.removeprefix(access.below)
    longest = _LONGEST - len(access.below if access else "")
    if not _REPOSITORY.fullmatch(repository) or len(repository) > longest:
        raise BadInput(
            f"{text}: is no name of an image: expected one such as lab/simulation:1.2, in small "
            "letters"
        )
    if not _TAG.fullmatch(tag):
        raise BadInput(
            f"{text}: its tag may have 128 letters, digits, and _ . - but not at the beginning"
        )
    return Reference(repository, tag)


def split_tag(name: str) -> tuple[str, str]:
    """Return a name without its tag, and the tag, "" for none; a port is no tag."""
    head, colon, tail = name.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (name, "")


def without_host(name: str) -> str:
    """Return a name without the registry's host, where it begins with one."""
    first, slash, rest = name.partition("/")
    is_host = slash and (first == "localhost" or _HOST.fullmatch(first))
    return rest if is_host else name
