"""Looking for drift: few lists, and a dry run for what seems to differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from whisklab.engine.drift.accounts import void_tokens
from whisklab.engine.drift.compare import Drift, Field, differences, enlarged, ignored
from whisklab.engine.drift.kinds import Kinds
from whisklab.engine.drift.patches import patch, patch_kind, widened
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.objects import JOB, NO_RECORDS, POD, SECRET, Id, Object
from whisklab.engine.kubernetes.workloads import WORKLOADS, unready

_SCALERS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"
_FORBIDDEN = 403
_VOLATILE = ("managedFields", "resourceVersion", "generation")


@dataclass(frozen=True)
class Wanted:
    """Objects as they should be.

    Attributes:
        objects: by their names.
        namespace: of those that name none.
        ignored: what is not looked at, see `compare.ignored`.
    """

    objects: Mapping[Id, Object] = field(repr=False)
    namespace: str
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What was seen: objects that differ, and half sentences on workloads that are not ready."""

    drift: tuple[Drift, ...]
    unready: tuple[str, ...]


def look(api: Client, wanted: Wanted) -> Found:
    """Compare objects with the cluster; nothing is changed there.

    One list for each kind; what differs at first sight is tried as a dry run, so that the API's own
    defaults and spellings are no drift.

    Raises:
        WhisklabError: the API does not answer, or has no such kind.
    """
    kinds = Kinds(api)
    paths = {name: kinds.path(each, wanted.namespace) for name, each in wanted.objects.items()}
    live, unserved = _live(api, wanted, paths)
    found = []
    for name, each in wanted.objects.items():
        seen = live.get(name)
        if seen is None:
            if name in unserved:
                continue
            if not _may_be_gone(each) and ignored(name, [Field((), None, None)], wanted.ignored):
                found.append(Drift(name, (), each))
            continue
        fields = ignored(name, differences(each, seen), wanted.ignored)
        fields = [x for x in fields if not enlarged(each, x) and not _scaled(api, wanted, name, x)]
        if fields and (left := _effective(api, f"{paths[name]}/{name.name}", each, seen, fields)):
            found.append(Drift(name, tuple(left), each))
    found += void_tokens(api, wanted.objects, live, wanted.namespace)
    return Found(tuple(found), tuple(not_ready(live[name] for name in live)))


def _live(
    api: Client, wanted: Wanted, paths: Mapping[Id, str]
) -> tuple[dict[Id, Object], frozenset[Id]]:
    """Return the objects that are there, and the names of those of which nobody can tell.

    An old manifest may be written in a version of the API that the cluster does not have any more;
    then the object is there in another one, or gone for good.
    """
    by_path: dict[str, list[Id]] = defaultdict(list)
    for name, path in paths.items():
        by_path[path].append(name)
    live, unserved = {}, set()
    for path, names in by_path.items():
        if len(names) == 1 or names[0].kind == POD:
            there = {each.name: api.get(f"{path}/{each.name}") for each in names}
        else:
            query = NO_RECORDS if names[0].kind == SECRET else ""
            items = (api.get(path + query) or {}).get("items") or []
            there = {each["metadata"]["name"]: each for each in items}
        for name in names:
            if (found := there.get(name.name)) is not None:
                # The items of a list do not say what they are.
                known = wanted.objects[name]
                live[name] = {**found, "kind": known["kind"], "apiVersion": known["apiVersion"]}
        if not any(name in live for name in names) and api.get(f"{path}?limit=1") is None:
            unserved.update(names)
    return live, frozenset(unserved)


def _may_be_gone(wanted: Object) -> bool:
    """Tell whether Kubernetes itself removes it: a Job some time after its end."""
    return wanted["kind"] == JOB and "ttlSecondsAfterFinished" in (wanted.get("spec") or {})


def _scaled(api: Client, wanted: Wanted, name: Id, each: Field) -> bool:
    """Tell whether an autoscaler has set the number of replicas."""
    if each.path != ("spec", "replicas"):
        return False
    items = (api.get(_SCALERS.format(name.namespace or wanted.namespace)) or {}).get("items") or []
    targets = {(x["spec"]["scaleTargetRef"]["kind"], x["spec"]["scaleTargetRef"]["name"])
               for x in items}  # fmt: skip
    return (name.kind, name.name) in targets


def _effective(
    api: Client, path: str, wanted: Object, live: Object, fields: Sequence[Field]
) -> Sequence[Field]:
    """Return the fields that the API would change, by a dry run; all where it refuses that."""
    try:
        after = _tried(api, path, wanted, fields)
    except kube.Refused as error:
        if error.status not in {kube.NOT_FOUND, _FORBIDDEN, kube.CONFLICT, kube.INVALID}:
            raise
        return fields  # it differs, and must be made anew, or cannot be put back
    except kube.Faulted:
        # A service's port beside the one that has its nodePort, for one: "duplicate nodePort".
        after = _tried(api, path, wanted, widened(wanted, fields))
    if _bare(after) == _bare(live):
        return ()
    stay = {each.path for each in differences(wanted, after)}
    return [each for each in fields if each.path not in stay] or fields


def _tried(api: Client, path: str, wanted: Object, fields: Iterable[Field]) -> Object:
    found: Object = api.tried(path, patch(wanted, fields), patch_kind(wanted))
    return found


def _bare(found: Object) -> Object:
    metadata = {k: v for k, v in found["metadata"].items() if k not in _VOLATILE}
    kept = {k: v for k, v in found.items() if k not in {"status", "kind", "apiVersion"}}
    return {**kept, "metadata": metadata}


def not_ready(live: Iterable[Object]) -> list[str]:
    """Return half a sentence for each workload that is not ready. Pure."""
    return [
        f"{each['kind']}/{each['metadata']['name']}: {why}"
        for each in live
        if each["kind"] in WORKLOADS and (why := unready(each))
    ]
