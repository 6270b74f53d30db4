"""Changes of what releases have made in the cluster: each object deleted, each field changed."""

from __future__ import annotations

import json
import random
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import yaml

from tests.e2e.cluster.site import Site
from whisklab.engine.drift.compare import KEYS

RELEASES = {"owdev": "openwhisk", "openwhisk-nfs": "nfs-provisioner"}
# Deleted with what is in them, or not to be deleted: nobody puts data back.
KEPT = ("PersistentVolumeClaim", "Namespace")
WORKLOADS = ("Deployment", "StatefulSet")
# Components that others do not wait for: a new pod of theirs restarts no other one.
LEAVES = ("owdev-nginx", "owdev-alarmprovider", "owdev-kafkaprovider")
HELM = "helm --kubeconfig /etc/rancher/k3s/k3s.yaml"


@dataclass(frozen=True)
class Mutation:
    """One change.

    Attributes:
        kind: of the object.
        name: of it.
        space: its namespace; "" where it has none.
        patch: a JSON patch; None deletes the object.
    """

    kind: str
    name: str
    space: str
    patch: tuple[dict[str, Any], ...] | None

    @property
    def object(self) -> str:
        """As a plan names it."""
        return f"{self.kind}/{self.name}"

    @property
    def command(self) -> list[str]:
        """The arguments of kubectl."""
        where = ["-n", self.space] if self.space else []
        if self.patch is None:
            return ["delete", self.kind, self.name, *where, "--wait=true"]
        return ["patch", self.kind, self.name, *where, "--type=json", "-p", json.dumps(self.patch)]

    def __str__(self) -> str:
        """Write it for people."""
        return f"{self.object} {'deleted' if self.patch is None else self.patch[0]['path']}"


def manifests(site: Site) -> list[tuple[str, dict[str, Any]]]:
    """Namespace and object, of all that the releases have, as Helm recorded them."""
    return [
        (space, each)
        for release, space in RELEASES.items()
        for each in yaml.safe_load_all(
            site.root("master", f"{HELM} -n {space} get manifest {release}")
        )
        if each
    ]


def mutations(space: str, wanted: dict[str, Any], live: dict[str, Any]) -> Iterator[Mutation]:
    """All changes of an object that are tried; the API may still refuse some.

    Args:
        space: the release's namespace.
        wanted: the object as the release has it.
        live: as it is.
    """
    kind, name = wanted["kind"], wanted["metadata"]["name"]
    where = live["metadata"].get("namespace", "")
    if kind not in KEPT and (kind not in WORKLOADS or name in LEAVES):
        yield Mutation(kind, name, where, None)
    for path in (_in(live, wanted, each) for each in _paths(wanted)):
        whole = path[:2] != ("spec", "template") or name in LEAVES
        if whole and (value := _at(live, path)) is not None:
            change = {"op": "replace", "path": _pointer(path), "value": _other(path, value)}
            yield Mutation(kind, name, where, (change,))
            if path[0] == "data" or path[:2] in {
                ("metadata", "labels"),
                ("metadata", "annotations"),
            }:
                yield Mutation(kind, name, where, ({"op": "remove", "path": _pointer(path)},))


def _paths(wanted: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    parts = {k: v for k, v in wanted.items() if k not in {"apiVersion", "kind", "metadata"}}
    notes = {k: v for k, v in wanted["metadata"].items() if k in {"labels", "annotations"}}
    yield from _leaves({**parts, "metadata": notes}, ())


def _leaves(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, index))
    elif value not in (None, "", 0, False):
        yield path


def _in(live: Any, wanted: Any, path: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the path in the live object: entries of lists are where their key is, not in order."""
    found: tuple[Any, ...] = ()
    for step in path:
        wanted, at = wanted[step], step
        if isinstance(live, list) and isinstance(wanted, dict):
            keys = [key for key in KEYS.get(str(found[-1]), ()) if key in wanted]
            same = [n for n, x in enumerate(live) if keys and x.get(keys[0]) == wanted[keys[0]]]
            at = same[0] if len(same) == 1 else step
        found, live = (*found, at), _at(live, (at,))
    return found


def _at(live: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        try:
            live = live[step]
        except (KeyError, IndexError, TypeError):
            return None
    return live


def _other(path: tuple[Any, ...], value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return 0 if path[-1] == "replicas" else value + 1
    if path[0] == "data":  # of a Secret it is base64
        return "bXV0YXRlZA=="
    return f"{value}-mutated"


def _pointer(path: tuple[Any, ...]) -> str:
    return "/" + "/".join(str(step).replace("~", "~0").replace("/", "~1") for step in path)


def _by_object(site: Site) -> dict[tuple[str, str], list[Mutation]]:
    found = manifests(site)
    live = _live(site, found)
    by_object: dict[tuple[str, str], list[Mutation]] = {}
    for space, each in found:
        key = (each["kind"], each["metadata"]["name"])
        if key in live:
            by_object[key] = list(mutations(space, each, live[key]))
    return by_object


def drawn(site: Site, seed: int, count: int) -> list[Mutation]:
    """Changes that the API takes, one for an object, drawn by a seed."""
    generator = random.Random(seed)  # noqa: S311  no secret
    by_object = _by_object(site)
    chosen: list[Mutation] = []
    for key in generator.sample(sorted(by_object), len(by_object)):
        tries = generator.sample(by_object[key], min(4, len(by_object[key])))
        if len(chosen) < count:
            chosen += taken(site, tries)[:1]
    return chosen


def alone(site: Site) -> Iterator[list[Mutation]]:
    """All changes that the API takes, in rounds in which each object has one at most."""
    for number in count():  # what an object is like is looked up anew: entries may have moved
        there = [of_one[number] for of_one in _by_object(site).values() if number < len(of_one)]
        if not there:
            return
        yield taken(site, there)


def taken(site: Site, some: list[Mutation]) -> list[Mutation]:
    """Those that the API would do, and that would change something."""
    tries = [_shell(each, "--dry-run=server", "-o", "name") for each in some]
    script = [f"{tried} 2>/dev/null | grep -q . && echo {n}" for n, tried in enumerate(tries)]
    found = site.root("master", "\n".join([*script, "true"]))
    return [some[int(number)] for number in found.split()]


def _live(
    site: Site, found: list[tuple[str, dict[str, Any]]]
) -> dict[tuple[str, str], dict[str, Any]]:
    live = {}
    for space in dict.fromkeys(space for space, _ in found):
        kinds = ",".join(sorted({each["kind"] for at, each in found if at == space}))
        for each in site.objects(kinds, "-n", space):
            live[each["kind"], each["metadata"]["name"]] = each
    return live


def make(site: Site, chosen: list[Mutation]) -> None:
    """Make all changes, one after the other, as fast as it goes."""
    site.root("master", "\n".join(["set -e", *map(_shell, chosen)]))


def _shell(mutation: Mutation, *options: str) -> str:
    return shlex.join(["k3s", "kubectl", *mutation.command, *options])
