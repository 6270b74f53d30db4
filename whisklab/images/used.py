"""Which images a cluster reaches, as its objects tell. Pure.

Names in objects need not be those in the registry: mirrors of `k3s_registries` may drop the host
and put a prefix before. So a name is taken for a repository's when that ends with it; what is so
taken for used without being it stays in the registry, which does no harm.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whisklab.images.names import LATEST, Reference, split_tag, without_host

# The lists that are asked: kind to path of the Kubernetes API.
LISTS = {
    "Pod": "/api/v1/pods",
    "Deployment": "/apis/apps/v1/deployments",
    "StatefulSet": "/apis/apps/v1/statefulsets",
    "DaemonSet": "/apis/apps/v1/daemonsets",
    "Job": "/apis/batch/v1/jobs",
    "CronJob": "/apis/batch/v1/cronjobs",
    "ConfigMap": "/api/v1/configmaps",
}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_RUNTIMES = ("runtimes", "blackboxes")  # keys of OpenWhisk's runtimes manifest


@dataclass(frozen=True)
class Used:
    """What is in use.

    Attributes:
        names: (path without host, tag) of images to who names them.
        digests: to who runs or names them.
        below: what stands in the registry before each name.
    """

    names: Mapping[tuple[str, str], tuple[str, ...]]
    digests: Mapping[str, tuple[str, ...]]
    below: str = ""

    def of(self, name: Reference, digests: Iterable[str]) -> tuple[str, ...]:
        """Return who uses a tag that means some digests, sorted."""
        return tuple(sorted({*self.naming(name), *self.running(digests)}))

    def naming(self, name: Reference) -> set[str]:
        """Return who names a tag."""
        return {
            user
            for (path, tag), users in self.names.items()
            if tag == name.tag and _ends_with(f"{self.below}{name.repository}", path)
            for user in users
        }

    def running(self, digests: Iterable[str]) -> set[str]:
        """Return who runs one of some digests, or names it."""
        return {user for each in digests for user in self.digests.get(each, ())}


def used(objects: Mapping[str, Sequence[Mapping[str, Any]]], below: str = "") -> Used:
    """Return what objects use.

    Args:
        objects: of each kind, as the API lists them.
        below: what stands in the registry before each name.
    """
    names: dict[tuple[str, str], set[str]] = {}
    digests: dict[str, set[str]] = {}
    for kind, items in objects.items():
        for item in items:
            meta = item.get("metadata", {})
            who = f"{kind.lower()} {meta.get('namespace', '')}/{meta.get('name', '')}"
            for image in _images(item):
                path, tag, digest = _parts(image)
                if digest:
                    digests.setdefault(digest, set()).add(who)
                if path and tag:
                    names.setdefault((path, tag), set()).add(who)
    return Used(
        {key: tuple(sorted(each)) for key, each in names.items()},
        {key: tuple(sorted(each)) for key, each in digests.items()},
        below,
    )


def _ends_with(repository: str, path: str) -> bool:
    return repository == path or repository.endswith(f"/{path}")


def _parts(image: str) -> tuple[str, str, str]:
    """Return path without host, tag, and digest of a name as objects have it; "" for none."""
    whole, at, digest = image.partition("@")
    found = _DIGEST.fullmatch(digest or image)
    if found and not at:
        return "", "", found[0]
    path, tag = split_tag(whole)
    # Who pins a digest may write a tag beside it, which then means nothing.
    return without_host(path), tag or ("" if at else LATEST), found[0] if found else ""


def _images(found: object) -> Iterator[str]:
    """Yield all names of images in an object, also in JSON within its strings."""
    if isinstance(found, Mapping):
        for key, each in found.items():
            if key in {"image", "imageID"} and isinstance(each, str):
                yield each
            else:
                yield from _images(each)
    elif isinstance(found, list):
        for each in found:
            yield from _images(each)
    elif isinstance(found, str) and any(f'"{key}"' in found for key in _RUNTIMES):
        yield from _runtimes(found)


def _runtimes(text: str) -> Iterator[str]:
    """Yield the images of OpenWhisk's runtimes manifest, a JSON in a variable of its pods."""
    try:
        found = json.loads(text)
    except ValueError:
        return
    yield from _described(found)


def _described(found: object) -> Iterator[str]:
    if isinstance(found, Mapping):
        if isinstance(found.get("name"), str) and isinstance(found.get("tag"), str):
            host = "".join(f"{found[key]}/" for key in ("registry", "prefix") if found.get(key))
            yield f"{host}{found['name']}:{found['tag']}"
        for each in found.values():
            yield from _described(each)
    elif isinstance(found, list):
        for each in found:
            yield from _described(each)
