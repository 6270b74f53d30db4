"""Whether an account may push, before the first byte of an image is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from whisklab.errors import WhisklabError
from whisklab.images import harbor, sentences
from whisklab.images.answers import DENIED, NOT_FOUND, OK, UNAUTHORIZED, Cut, Refused
from whisklab.images.client import Registry, patiently
from whisklab.images.harbor import Project

_STARTED, _CANCELLED = 202, 204
_REFUSED = {UNAUTHORIZED, DENIED, NOT_FOUND}


def require(registry: Registry, repositories: Collection[str]) -> list[str]:
    """Do nothing if the registry is well, knows the account, and this one may push.

    Projects that are missing are made, where the account may.

    Args:
        registry: that it is about.
        repositories: to push to.

    Returns:
        The projects that were made.

    Raises:
        Cut: it does not answer.
        WhisklabError: it may not; one sentence with all that lacks.
    """
    harbor.is_there(registry)  # its health first: what is ill refuses in many words
    registry.require_login()
    if not registry.access.theirs:
        return []  # who is let in where images are taken may push all
    refused = _refused(registry, repositories)
    made = []
    if refused and harbor.is_there(registry):
        projects = {each: harbor.have(registry, each) for each in _projects(registry, refused)}
        made = [name for name, found in projects.items() if found is Project.MADE]
        missing = sorted(
            name for name, found in projects.items()
            if found is Project.MISSING
            or (found is Project.UNKNOWN and _is_missing(registry, name, refused))
        )  # fmt: skip
        if missing:
            raise WhisklabError(sentences.lacking(registry.access, missing))
        refused = _refused(registry, refused) if made else refused
    if refused:
        raise WhisklabError(sentences.rightless(registry.access, refused))
    return made


def _refused(registry: Registry, repositories: Collection[str]) -> dict[str, str]:
    """Return the repositories to which it may not push, with what the registry says."""
    found = {}
    for each in dict.fromkeys(repositories):
        try:
            _try(registry, each)
        except Refused as error:
            if error.status not in _REFUSED:
                raise
            found[each] = error.said
    return found


def _try(registry: Registry, repository: str) -> None:
    """Look at a repository and begin an upload, which ends at once."""
    path = registry.path(repository)
    ask = registry.ask
    patiently(lambda: ask("GET", f"{path}/tags/list", expected=(OK, NOT_FOUND)))
    uploads = f"{path}/blobs/uploads/"
    begun = patiently(lambda: ask("POST", uploads, body=b"", expected=(_STARTED,)))
    with suppress(Cut, Refused):  # who cannot cancel forgets it some day
        ask("DELETE", begun.location, expected=(_CANCELLED,))


def _projects(registry: Registry, repositories: Collection[str]) -> list[str]:
    return sorted({_project(registry, each) for each in repositories})


def _project(registry: Registry, repository: str) -> str:
    return f"{registry.access.below}{repository}".partition("/")[0]


def _is_missing(registry: Registry, project: str, refused: Mapping[str, str]) -> bool:
    """Tell whether the registry says so of a project at which the account may not look."""
    said = [text for each, text in refused.items() if _project(registry, each) == project]
    return all(f"project {project} not found" in text for text in said)
