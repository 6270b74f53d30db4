"""Words of a text that name images, or look as if they did. Pure.

A word is taken for an image when what stands before it says so (`--image=`, `SIDECAR_IMAGE`), when
it has a digest, or a registry's host and a tag. `team/app:1` alone may be anything: that is a
doubt, and stops a build until somebody has said which.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from whisklab.bundle.names import NAME, ImageName, matched

# reloader-image, SIDECAR_IMAGE, imageName; neither imagePullPolicy nor IMAGE_TAG.
HINT = re.compile(r"(?i)(?:^|[-_.a-z0-9])images?(?:[-_]?(?:name|ref|reference|uri|url))?$")
_SPLIT = re.compile(r"[\s\"'`,;()\[\]<>|=]+")
_HINTED = re.compile(
    r"(?P<key>[A-Za-z][\w.-]*)[\"']?\s*[:=]\s*[\"']?(?P<value>{{.*?}}[^\s\"',;]*|[^\s\"',;]+)"
)
_FLAG = re.compile(r"--?(?P<key>[A-Za-z][\w.-]*)(?:[= ](?P<value>.*))?")
_SCHEME = re.compile(r"(?:docker|oci|docker-image)://")
_NO_IMAGE = re.compile(
    r"(?i)|true|false|yes|no|on|off|null|none|nil|always|never|ifnotpresent|-?\d+"
)
_NO_REGISTRY = re.compile(r".*\.(?:svc|local|internal)(?::\d+)?|localhost(?::\d+)?|.*\.[a-z0-9]")
_UNFILLED = re.compile(r"(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::\d+)?)/[\w./{}$-]+:[\w.{}$-]*\$.*")


@dataclass(frozen=True)
class Seen:
    """A word: the image that it names, None for one that only looks like one."""

    text: str
    image: ImageName | None


def is_hint(key: str) -> bool:
    """Tell whether a key, flag or variable says of its value that it is an image."""
    return HINT.search(key) is not None


def hinted(text: str) -> Iterator[Seen]:
    """Yield the images of a value that is said to be one, or several with commas."""
    for each in text.split(","):
        word = _SCHEME.sub("", each.strip())
        if not _NO_IMAGE.fullmatch(word) and "://" not in word:
            yield Seen(word, matched(word))


def words(text: str) -> Iterator[Seen]:
    """Yield the images among the words of a text of any kind."""
    taken: set[str] = set()
    several = "\n" in text or " " in text.strip()
    for key, value in _pairs(text):
        # In prose and scripts, "image: this" need not name one; a path or a tag makes it likely.
        if is_hint(key) and (not several or re.search(r"[/:$]|{{", value)):
            for seen in hinted(value):
                taken.add(seen.text)
                yield seen
    for word in _SPLIT.split(text):
        bare = _SCHEME.sub("", word).rstrip(".:")
        if bare and bare not in taken and "://" not in bare:
            yield from _plain(bare)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    flag = _FLAG.fullmatch(text.strip())
    if flag and flag["value"] is not None:
        yield flag["key"], flag["value"]
        return
    for found in _HINTED.finditer(text):
        yield found["key"], found["value"]


def flag_of(text: str) -> str | None:
    """Return the name of a flag that has its value in the next argument, None for another text."""
    found = _FLAG.fullmatch(text.strip())
    return found["key"] if found and found["value"] is None else None


def _plain(word: str) -> Iterator[Seen]:
    if (unfilled := _UNFILLED.fullmatch(word)) and not _NO_REGISTRY.fullmatch(unfilled["host"]):
        yield Seen(word, None)
        return
    found = NAME.fullmatch(word)
    if found is None or not (found["tag"] or found["digest"]):
        return
    host = found["host"] or ""
    has_host = "." in host or ":" in host
    if found["digest"] or (has_host and not _NO_REGISTRY.fullmatch(host)):
        yield Seen(word, matched(word))
    elif "/" in word and not has_host and host != "localhost":
        yield Seen(word, None)
