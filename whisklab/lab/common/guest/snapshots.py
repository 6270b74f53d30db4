"""Snapshots of all machines of a lab under one name, or of none.

The tool that makes the machines keeps them with these; what else belongs to one is a file of ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.guest import record as records
from whisklab.lab.common.guest.beside import one_by_one
from whisklab.lab.common.guest.fleet import Shelf
from whisklab.lab.common.guest.record import Record
from whisklab.lab.provider import Snapshot

_PREFIX = "whisklab-"  # some tools want a letter first, and we begin with a year
_BEFORE = "before-restore"


def called(name: str) -> str:
    """Return what the tool calls a snapshot of ours.

    Raises:
        BadInput: it would refuse that.
    """
    if "." in name:
        raise BadInput(
            f"{name!r}: expected the name of a snapshot of virtual machines, with no dot"
        )
    return f"{_PREFIX}{name}"


def refuse_taken(shelf: Shelf, name: str) -> None:
    """Refuse a name that a snapshot cannot have.

    Raises:
        BadInput: there is one, or it is no name.
    """
    called(name)
    if _file(shelf.record, name).exists():
        raise BadInput(
            f"{shelf.record.lab} has a snapshot {name!r} already: take another name, or delete it"
        )


def take(shelf: Shelf, name: str, files: Mapping[str, str], notes: Mapping[str, Any]) -> Snapshot:
    """Take a snapshot of all machines.

    Raises:
        WhisklabError: one could not be taken; those that were are removed again.
    """
    there, lab = tuple(shelf.there()), shelf.record.lab
    left = [each for each, names in shelf.kept().items() if called(name) in names]
    _drop(shelf, left, called(name))  # of a run that was killed before it was written down
    _of_all(shelf, there, called(name), f"whisklab: {name} of {lab}, {len(there)} machines")
    made = Snapshot(name, time.time(), shelf.size(), there, dict(notes))
    records.write_json(_file(shelf.record, name), {**asdict(made), "files": dict(files)})
    return made


def _of_all(shelf: Shelf, machines: Iterable[str], own: str, comment: str) -> None:
    """Take a snapshot of each, or of none."""
    begun: list[str] = []
    try:
        for each in machines:
            shelf.report(f"{each}: taking the snapshot {own}")
            begun.append(each)
            shelf.keep(each, own, comment)
    except BaseException:
        _drop(shelf, begun, own)
        raise


def _drop(shelf: Shelf, machines: Iterable[str], own: str) -> None:
    one_by_one(lambda each: shelf.drop(each, own), machines)


def listed(provider: str, lab: str) -> tuple[Snapshot, ...]:
    """Return the snapshots of a lab, the oldest first."""
    paths = records.snapshots_of(provider, lab).glob("*.json")
    return tuple(sorted((_read(path)[0] for path in paths), key=lambda each: each.created))


def of(provider: str) -> frozenset[str]:
    """Return the labs of which there are snapshots."""
    return frozenset(path.parent.name for path in records.snapshots_of(provider, "").glob("*/*"))


def files(record: Record, name: str) -> Mapping[str, str]:
    """Return what was kept with a snapshot.

    Raises:
        BadInput: there is none of that name.
    """
    kept: Mapping[str, str] = _known(record, name)[1]["files"]
    return kept


def refuse_lost(shelf: Shelf, name: str) -> Snapshot:
    """Refuse a snapshot that cannot be restored as a whole; returns it otherwise.

    Raises:
        BadInput: there is none, or a machine was added after it.
        WhisklabError: a machine, or its part of the snapshot, is gone.
    """
    record, own = shelf.record, called(name)
    snapshot, _ = _known(record, name)
    there, kept = tuple(shelf.there()), shelf.kept()
    for each in snapshot.machines:
        if each not in there:
            raise WhisklabError(
                f"{record.lab}@{name}: the machine {each} is gone, and snapshots of virtual "
                "machines lie with them: this one can be had back no more"
            )
        if own not in kept.get(each, ()):
            raise WhisklabError(
                f"{record.lab}@{name}: {record.instance(each)} has no snapshot {own} any more, and "
                "a lab is restored as a whole or not at all"
            )
    if later := [each for each in there if each not in snapshot.machines]:
        raise BadInput(
            f"{record.lab}@{name} is older than {', '.join(later)}: remove these from the "
            f"topology, `whisklab up {record.lab} --prune`, and restore it then"
        )
    return snapshot


def restore(shelf: Shelf, snapshot: Snapshot) -> None:
    """Have all machines as they were; they are stopped.

    What they are now is kept as another snapshot until all are restored, and stays when it could
    not be put back. A run that is killed meanwhile is remembered: see `refuse_half`.

    Raises:
        WhisklabError: one could not be restored; all are as they were before.
    """
    own, machines = called(snapshot.name), snapshot.machines
    before = f"{_PREFIX}{_BEFORE}-{time.strftime('%Y%m%d-%H%M%S')}"
    _of_all(shelf, machines, before, f"whisklab: before {snapshot.name} was restored")
    _remember(shelf, snapshot.name)
    begun: list[str] = []
    try:
        for each in machines:
            shelf.report(f"{each}: restoring {own}")
            begun.append(each)
            shelf.put_back(each, own)
    except BaseException as why:
        try:
            one_by_one(lambda each: shelf.put_back(each, before), begun)
        except WhisklabError as error:
            raise WhisklabError(f"{why}; and what was before is not all back: {error}") from why
        _remember(shelf, "")
        _drop(shelf, machines, before)
        raise
    _remember(shelf, "")
    for each, names in shelf.kept().items():  # also those of restores that were killed
        _drop_all(shelf, each, [own for own in names if own.startswith(f"{_PREFIX}{_BEFORE}-")])


def _remember(shelf: Shelf, name: str) -> None:
    shelf.record.restoring = name
    shelf.record.save()


def _drop_all(shelf: Shelf, machine: str, names: Iterable[str]) -> None:
    for own in names:
        shelf.drop(machine, own)


def refuse_half(record: Record) -> None:
    """Refuse a lab whose restore was cut short: its machines may be of two times.

    Raises:
        WhisklabError: says how to go on.
    """
    if record.restoring:
        raise WhisklabError(
            f"{record.lab}: its restore to {record.restoring!r} was cut short, and its machines "
            f"may be of two times: `whisklab restore {record.lab} {record.restoring}` again"
        )


def delete(shelf: Shelf, name: str) -> Snapshot:
    """Remove a snapshot of all machines that there are; returns what it was.

    Raises:
        BadInput: there is none of that name.
    """
    snapshot, _ = _known(shelf.record, name)
    there = tuple(shelf.there())
    _drop(shelf, [each for each in snapshot.machines if each in there], called(name))
    _file(shelf.record, name).unlink()
    return snapshot


def forget(record: Record) -> None:
    """Remove what was kept with the snapshots of a lab whose machines are gone."""
    directory = records.snapshots_of(record.provider, record.lab)
    for path in directory.glob("*.json"):
        path.unlink()
    if directory.is_dir():
        directory.rmdir()


def _file(record: Record, name: str) -> Path:
    return records.snapshots_of(record.provider, record.lab) / f"{name}.json"


def _known(record: Record, name: str) -> tuple[Snapshot, dict[str, Any]]:
    file = _file(record, name)
    if not file.exists():
        there = ", ".join(sorted(each.stem for each in file.parent.glob("*.json")))
        raise BadInput(f"{record.lab} has no snapshot {name!r}; it has {there or 'none'}")
    return _read(file)


def _read(file: Path) -> tuple[Snapshot, dict[str, Any]]:
    data = records.read_json(file) or {}
    try:
        made = Snapshot(
            data["name"], data["created"], data["size"], tuple(data["machines"]), data["notes"]
        )
    except KeyError as error:
        raise WhisklabError(f"{file} is damaged ({error!r})") from None
    return made, data
