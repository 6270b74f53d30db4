"""Names of images, whole: with the registry that is meant where none is written. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from whisklab.errors import BadInput

DOCKER_HUB, LIBRARY, LATEST = "docker.io", "library", "latest"
_ALIASES = {"index.docker.io": DOCKER_HUB, "registry-1.docker.io": DOCKER_HUB}
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:localhost|[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
# OCI distribution specification, "Pulling manifests"; a host as containerd and docker tell it.
NAME = re.compile(
    rf"(?:(?P<host>{_HOST})/)?(?P<path>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_SHORTEST_HOST = re.compile(r".*[.:\]].*|localhost")


@dataclass(frozen=True, order=True)
class ImageName:
    """An image as a registry has it.

    Attributes:
        registry: such as docker.io, with its port.
        repository: such as library/busybox.
        tag: "" where only a digest is named.
        digest: "" where only a tag is named.
    """

    registry: str
    repository: str
    tag: str
    digest: str = ""

    @property
    def reference(self) -> str:
        """What the registry is asked for."""
        return self.digest or self.tag

    def __str__(self) -> str:
        """As containerd names it."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def matched(text: str) -> ImageName | None:
    """Return the image that a text names, None when it is no name of one."""
    found = NAME.fullmatch(text)
    if found is None:
        return None
    host, path = found["host"], found["path"]
    if host and not _SHORTEST_HOST.fullmatch(host):  # then it is the first part of the path
        if not re.fullmatch(_PART, host):
            return None
        host, path = "", f"{host}/{path}"
    registry = _ALIASES.get(host or DOCKER_HUB, host or DOCKER_HUB)
    if registry == DOCKER_HUB and "/" not in path:
        path = f"{LIBRARY}/{path}"
    digest = found["digest"] or ""
    return ImageName(registry, path, found["tag"] or ("" if digest else LATEST), digest)


def parse(text: str, where: str) -> ImageName:
    """Return the image that a text names.

    Args:
        text: such as busybox, demo/operator:1.4.0 or host:5000/a/b@sha256:....
        where: that has it, for the sentence.

    Raises:
        BadInput: it names none.
    """
    found = matched(text)
    if found is None:
        raise BadInput(
            f"{where}: {text!r} is no name of an image: expected one such as "
            "docker.io/library/busybox:1.36"
        )
    return found
