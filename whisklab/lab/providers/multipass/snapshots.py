"""Snapshots of all instances of a lab under one name, or of none.

Multipass keeps them with the instances; what else belongs to one is a file of ours.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.provider import Snapshot
from whisklab.lab.providers.multipass import record as records
from whisklab.lab.providers.multipass.fleet import Fleet
from whisklab.lab.providers.multipass.instances import State
from whisklab.lab.providers.multipass.resize import sizes

_PREFIX = "whisklab-"  # Multipass wants a letter first, and we begin with a year
_BEFORE = "before-restore"


def called(name: str) -> str:
    """Return what Multipass calls a snapshot of ours.

    Raises:
        BadInput: it would refuse that.
    """
    if "." in name:
        raise BadInput(f"{name!r}: Multipass takes no dot in the name of a snapshot")
    return f"{_PREFIX}{name}"


def refuse_new(fleet: Fleet, name: str) -> None:
    """Refuse a snapshot that cannot be taken, before anything is stopped.

    Raises:
        BadInput: the name is taken, or is none.
        WhisklabError: an instance is in a state that has none.
    """
    lab = fleet.record.lab
    called(name)
    if _file(lab, name).exists():
        raise BadInput(f"{lab} has a snapshot {name!r} already: take another name, or delete it")
    for machine, instance in fleet.listed().items():
        if instance.state in {State.SUSPENDED, State.SUSPENDING, State.DELETED, State.UNAVAILABLE}:
            raise WhisklabError(
                f"{instance.name} is {str(instance.state).lower()}, and has no snapshot taken so: "
                f"`whisklab up {lab}` starts {machine} first"
            )


def take(fleet: Fleet, name: str, files: Mapping[str, str], notes: Mapping[str, Any]) -> Snapshot:
    """Take a snapshot of all instances, which are stopped.

    Raises:
        WhisklabError: one could not be taken; those that were are removed again.
    """
    there, lab = fleet.listed(), fleet.record.lab
    comment = f"whisklab: {name} of {lab}, {len(there)} machines"
    _of_all(fleet, [each.name for each in there.values()], called(name), comment)
    size = sum(sizes(fleet.client, each.name).disk for each in there.values())
    made = Snapshot(name, time.time(), size, tuple(there), dict(notes))
    records.write_json(_file(lab, name), {**asdict(made), "files": dict(files)})
    return made


def _of_all(fleet: Fleet, instances: Sequence[str], own: str, comment: str) -> None:
    """Take a snapshot of each, or of none."""
    begun: list[str] = []
    try:
        for each in instances:
            fleet.report(f"{each}: taking the snapshot {own}")
            begun.append(each)
            fleet.client.snapshot(each, own, comment)
    except BaseException:
        _drop(fleet, begun, own)
        raise


def _drop(fleet: Fleet, instances: Sequence[str], own: str) -> None:
    for each in instances:
        fleet.client.delete_snapshot(each, own)


def listed(lab: str) -> tuple[Snapshot, ...]:
    """Return the snapshots of a lab, the oldest first."""
    found = [_read(lab, path.stem)[0] for path in records.snapshots_of(lab).glob("*.json")]
    return tuple(sorted(found, key=lambda each: each.created))


def files(lab: str, name: str) -> Mapping[str, str]:
    """Return what was kept with a snapshot.

    Raises:
        BadInput: there is none of that name.
    """
    kept: Mapping[str, str] = _read(lab, name)[1]["files"]
    return kept


def refuse_lost(fleet: Fleet, name: str) -> Snapshot:
    """Refuse a snapshot that cannot be restored as a whole; returns it otherwise.

    Raises:
        BadInput: there is none, or a machine was added after it.
        WhisklabError: an instance, or its part of the snapshot, is gone.
    """
    lab = fleet.record.lab
    snapshot, _ = _read(lab, name)
    there, own = fleet.listed(), called(name)
    kept = fleet.client.snapshots()
    for machine in snapshot.machines:
        if machine not in there or there[machine].state is State.DELETED:
            raise WhisklabError(
                f"{lab}@{name}: the instance of {machine} is gone, and Multipass keeps snapshots "
                "with instances: this one can be had back no more"
            )
        if own not in kept.get(there[machine].name, ()):
            raise WhisklabError(
                f"{lab}@{name}: {there[machine].name} has no snapshot {own} any more, and a lab is "
                "restored as a whole or not at all"
            )
    if later := [each for each in there if each not in snapshot.machines]:
        raise BadInput(
            f"{lab}@{name} is older than {', '.join(later)}: remove these from the topology, "
            f"`whisklab up {lab} --prune`, and restore it then"
        )
    return snapshot


def restore(fleet: Fleet, snapshot: Snapshot) -> None:
    """Have all instances as they were; they are stopped.

    What they are now is kept as a snapshot of Multipass's beside ours until all are restored, and
    stays when it could not be put back.

    Raises:
        WhisklabError: one could not be restored; all are as they were before.
    """
    there, own = fleet.listed(), called(snapshot.name)
    before = f"{_PREFIX}{_BEFORE}-{time.strftime('%Y%m%d-%H%M%S')}"
    instances = [there[machine].name for machine in snapshot.machines]
    _of_all(fleet, instances, before, f"whisklab: before {snapshot.name} was restored")
    begun: list[str] = []
    try:
        for each in instances:
            fleet.report(f"{each}: restoring {own}")
            begun.append(each)
            fleet.client.restore(each, own)
    except BaseException:
        for each in begun:
            fleet.client.restore(each, before)
        _drop(fleet, instances, before)
        raise
    _drop(fleet, instances, before)


def delete(fleet: Fleet, name: str) -> Snapshot:
    """Remove a snapshot of all instances that there are; returns what it was.

    Raises:
        BadInput: there is none of that name.
    """
    snapshot, _ = _read(fleet.record.lab, name)
    there = fleet.listed()
    for machine in snapshot.machines:
        if machine in there:
            fleet.client.delete_snapshot(there[machine].name, called(name))
    _file(fleet.record.lab, name).unlink()
    return snapshot


def forget(lab: str) -> None:
    """Remove what was kept with the snapshots of a lab whose instances are gone."""
    for path in records.snapshots_of(lab).glob("*.json"):
        path.unlink()
    if records.snapshots_of(lab).is_dir():
        records.snapshots_of(lab).rmdir()


def _file(lab: str, name: str) -> Path:
    return records.snapshots_of(lab) / f"{name}.json"


def _read(lab: str, name: str) -> tuple[Snapshot, dict[str, Any]]:
    data = records.read_json(_file(lab, name))
    if data is None:
        there = ", ".join(sorted(each.stem for each in records.snapshots_of(lab).glob("*.json")))
        raise BadInput(f"{lab} has no snapshot {name!r}; it has {there or 'none'}")
    made = Snapshot(
        data["name"], data["created"], data["size"], tuple(data["machines"]), data["notes"]
    )
    return made, data
