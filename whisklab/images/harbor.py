"""Harbor, by its API v2.0: what the protocol of registries does not tell of one with projects.

A registry is known for Harbor by its health, which is told to anybody.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any
from urllib.parse import quote

from whisklab.errors import WhisklabError
from whisklab.images import sentences
from whisklab.images.answers import DENIED, NOT_FOUND, OK, UNAUTHORIZED, Refused, Reply
from whisklab.images.client import Registry, patiently
from whisklab.images.login import basic
from whisklab.images.names import Reference

_API = "/api/v2.0"
_PAGE = 100  # entries; the most that it gives
_CREATED, _CONFLICT = 201, 409
_HEALTHY = "healthy"
# Without the others images are taken and given all the same.
_NEEDED = {"core", "database", "redis", "registry"}


class Project(Enum):
    """What is known of a project."""

    THERE = "there"
    MADE = "made"
    MISSING = "missing"
    UNKNOWN = "unknown"  # the account may not look


def is_there(registry: Registry) -> bool:
    """Tell whether a registry is Harbor.

    Raises:
        Cut: it does not answer.
        WhisklabError: it is, and is not healthy.
    """
    if registry.is_harbor is None:
        registry.is_harbor = registry.access.theirs and _is_healthy(registry)
    return registry.is_harbor


def _is_healthy(registry: Registry) -> bool:
    try:
        answer = patiently(lambda: registry.ask("GET", f"{_API}/health", expected=(OK,)))
        states = {str(each["name"]): each["status"] for each in _parsed(answer)["components"]}
    except (Refused, KeyError, TypeError):
        return False  # another registry, or what stands in front of it shows a page
    sick = [name for name in sorted(_NEEDED & set(states)) if states[name] != _HEALTHY]
    if sick:
        raise WhisklabError(sentences.sick(registry.access, sick))
    return True


def have(registry: Registry, project: str) -> Project:
    """Have a project, if the account may make it.

    Args:
        registry: Harbor.
        project: its name.

    Raises:
        Cut: it does not answer.
        Refused: it refuses for another reason than the account's rights.
    """
    path, denied = f"{_API}/projects", (UNAUTHORIZED, DENIED)
    looked = f"{path}?project_name={quote(project)}"
    seen = _ask(registry, "HEAD", looked, (OK, NOT_FOUND, *denied)).status
    if seen == OK:
        return Project.THERE
    wish = {"project_name": project, "metadata": {"public": "false"}}
    made = _ask(registry, "POST", path, (_CREATED, _CONFLICT, *denied), wish).status
    if made in {_CREATED, _CONFLICT}:
        return Project.MADE if made == _CREATED else Project.THERE
    return Project.MISSING if seen == NOT_FOUND else Project.UNKNOWN


def repositories(registry: Registry) -> list[str]:
    """Return all repositories of the project that a registry is named with, or of all projects.

    Raises:
        Cut: it does not answer.
        WhisklabError: it refuses, or answers something else.
    """
    top = registry.access.project.partition("/")[0]
    projects = [top] if top else _names(registry, f"{_API}/projects")
    return [
        name
        for each in projects
        for name in _names(registry, f"{_API}/projects/{quote(each)}/repositories")
    ]


def untag(registry: Registry, reference: Reference) -> bool:
    """Remove a tag; what it means stays under its digest. Returns whether there was one."""
    project, _, rest = f"{registry.access.below}{reference.repository}".partition("/")
    repository = quote(quote(rest, safe=""), safe="")  # twice, as its API wants it
    path = (
        f"{_API}/projects/{quote(project)}/repositories/{repository}/artifacts/"
        f"{quote(reference.tag)}/tags/{quote(reference.tag)}"
    )
    return _ask(registry, "DELETE", path, (OK, NOT_FOUND)).status == OK


def _names(registry: Registry, path: str) -> list[str]:
    names: list[str] = []
    page = 0
    while len(names) == page * _PAGE:
        page += 1
        found = _parsed(_ask(registry, "GET", f"{path}?page={page}&page_size={_PAGE}", (OK,)))
        try:
            names += [str(each["name"]) for each in found]
        except (KeyError, TypeError):
            raise WhisklabError(f"{path}: Harbor answers something else than a list") from None
    return names


def _ask(
    registry: Registry,
    method: str,
    path: str,
    expected: Collection[int],
    body: Mapping[str, object] | None = None,
) -> Reply:
    # Its API says no challenge: it is sent the password at once, and knows no tokens.
    login = basic(registry.access) if registry.access.account else {}
    data = None if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    headers = {**login, **kind}
    return patiently(
        lambda: registry.ask(method, path, expected=expected, body=data, headers=headers)
    )


def _parsed(answer: Reply) -> Any:  # noqa: ANN401  of JSON
    try:
        return json.loads(answer.data)
    except ValueError:
        return None
