"""What a registry has: repositories, tags, manifests, blobs."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from whisklab.errors import WhisklabError
from whisklab.images import harbor, manifests
from whisklab.images.answers import NOT_FOUND, Cut, Refused, Reply
from whisklab.images.client import Registry, patiently
from whisklab.images.manifests import Index, Manifest
from whisklab.images.names import Reference

_PAGE = 100  # entries; distribution's own limit is 1000 (catalog.maxentries)
_GOOD, _CREATED, _ACCEPTED, _CANCELLED = 200, 201, 202, 204


def has_blob(registry: Registry, repository: str, digest: str) -> bool:
    """Tell whether a repository has a blob. Raises as `Registry.ask`."""
    path = f"{registry.path(repository)}/blobs/{digest}"
    answer = patiently(lambda: registry.ask("HEAD", path, expected=(_GOOD, NOT_FOUND)))
    return answer.status == _GOOD


def mount(registry: Registry, repository: str, digest: str, origin: str) -> bool:
    """Have a blob of another repository in one; returns whether the registry has done so.

    OCI distribution specification, "Mounting a blob from another repository". Who does not do it
    begins an upload instead, which is cancelled.
    """
    query = f"mount={digest}&from={quote(registry.access.below + origin)}"
    path = f"{registry.path(repository)}/blobs/uploads/?{query}"
    answer = patiently(lambda: registry.ask("POST", path, body=b"", expected=(_CREATED, _ACCEPTED)))
    if answer.status == _ACCEPTED:
        with suppress(Cut, Refused):  # who cannot cancel forgets it some day
            registry.ask("DELETE", answer.location, expected=(_CANCELLED,))
    return answer.status == _CREATED


def meaning(registry: Registry, repository: str, reference: str) -> str | None:
    """Return the digest that a tag or digest means; None where it means nothing, or nobody says.

    Raises as `Registry.ask`.
    """
    path = f"{registry.path(repository)}/manifests/{reference}"
    accept = {"Accept": ", ".join(manifests.ACCEPTED)}
    answer = patiently(
        lambda: registry.ask("HEAD", path, headers=accept, expected=(_GOOD, NOT_FOUND))
    )
    found = answer.status == _GOOD
    return answer.headers.get("docker-content-digest") if found else None


def blob(registry: Registry, repository: str, digest: str) -> bytes:
    """Return a small blob, such as a configuration. Raises as `Registry.ask`."""
    path = f"{registry.path(repository)}/blobs/{digest}"
    return patiently(lambda: registry.ask("GET", path, expected=(_GOOD,))).data


def repositories(registry: Registry) -> list[str]:
    """Return the names of all repositories below the registry's project.

    Raises:
        Cut: there is no answer.
        WhisklabError: it refuses.
    """
    below = registry.access.below
    found = (
        harbor.repositories(registry)
        if harbor.is_there(registry)
        else _pages(registry, "/v2/_catalog", "repositories")
    )
    return [each.removeprefix(below) for each in found if each.startswith(below)]


def tags(registry: Registry, repository: str) -> list[str]:
    """Return the tags of a repository; none where there is no such one."""
    return _pages(registry, f"{registry.path(repository)}/tags/list", "tags")


def manifest(registry: Registry, repository: str, reference: str) -> Manifest | Index | None:
    """Return what a tag or digest means; None where it means nothing.

    Raises:
        Cut: there is no answer.
        WhisklabError: the registry refuses, or what it has is no image.
    """
    path = f"{registry.path(repository)}/manifests/{reference}"
    accept = {"Accept": ", ".join(manifests.ACCEPTED)}
    answer = patiently(
        lambda: registry.ask("GET", path, headers=accept, expected=(_GOOD, NOT_FOUND))
    )
    if answer.status == NOT_FOUND:
        return None
    kind = answer.headers.get("content-type", "")
    return manifests.parse(f"{repository}:{reference}", answer.data, kind)


def put(registry: Registry, repository: str, found: Manifest | Index, reference: str) -> None:
    """Have a manifest in a repository, under a tag or its digest.

    Raises:
        Cut: there is no answer.
        WhisklabError: the registry refuses it, or keeps another one.
    """
    path = f"{registry.path(repository)}/manifests/{reference}"
    kind = {"Content-Type": found.media_type}
    answer = patiently(
        lambda: registry.ask("PUT", path, body=found.data, headers=kind, expected=(_CREATED,))
    )
    kept = answer.headers.get("docker-content-digest", found.digest)
    if kept != found.digest:
        raise WhisklabError(
            f"{repository}:{reference}: the registry has kept {kept} instead of {found.digest}"
        )


def untag(registry: Registry, reference: Reference) -> bool:
    """Remove a tag; what it means stays under its digest. Returns whether there was one."""
    if harbor.is_there(registry):
        return harbor.untag(registry, reference)
    path = f"{registry.path(reference.repository)}/manifests/{quote(reference.tag)}"
    answer = patiently(lambda: registry.ask("DELETE", path, expected=(_ACCEPTED, NOT_FOUND)))
    return answer.status == _ACCEPTED


def _pages(registry: Registry, path: str, key: str) -> list[str]:
    names: list[str] = []
    following = f"{path}?n={_PAGE}"
    while following:
        answer = _page(registry, following)
        if answer is None:
            break
        found = _parsed(path, answer.data)
        names += [str(each) for each in found.get(key) or []]
        last = names[-1] if names else ""
        following = f"{path}?n={_PAGE}&last={quote(last)}" if answer.headers.get("link") else ""
    return names


def _parsed(path: str, data: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(data)
        found.get("")
    except (ValueError, AttributeError):
        raise WhisklabError(f"{path}: the registry answers something else than a list") from None
    return found


def _page(registry: Registry, path: str) -> Reply | None:
    try:
        return patiently(lambda: registry.ask("GET", path, expected=(_GOOD,)))
    except Refused as error:
        if error.status == NOT_FOUND:
            return None
        raise
