"""Snapshots, restores and clones of whole labs. Each may be run again after a crash.

Disks are copied while their hosts are stopped. What counts then is one write: of the description
of a snapshot, or of the record that names the disks which are in use.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.process import alive
from whisklab.lab.common.removal import remove_tree
from whisklab.lab.common.run import Report
from whisklab.lab.providers.nspawn import journal, lab, snapshots, store
from whisklab.lab.providers.nspawn.journal import Journal
from whisklab.lab.providers.nspawn.layout import record_of
from whisklab.lab.providers.nspawn.record import HostRecord
from whisklab.lab.providers.nspawn.snapshots import Part, Snapshot
from whisklab.lab.providers.nspawn.spec import LabSpec
from whisklab.lab.providers.nspawn.store import Store


def snapshot(spec: LabSpec, owner: int, report: Report, request: dict[str, Any]) -> dict[str, Any]:
    """Keep the disks of all hosts under the name in the request.

    A lab that runs is stopped for it, and started again; one that does not is not.

    Raises:
        BadInput: no such lab, or the name is taken.
        WhisklabError: there is no room; the lab is as before.
    """
    name = str(request["snapshot"])
    book = lab.known(spec.name, owner)
    snapshots.require_new(spec.name, name)
    disks = store.open_for_lab(report)
    disks.require_room(f"the snapshot {name!r} of {spec.name}", book.paths.disks)
    disks.announce(f"the snapshot {name!r}", book.paths.disks, report)
    with _still(spec, book, owner, report):
        target = disks.snapshots(spec.name) / snapshots.new_key()
        disks.copy(book.paths.disks, target, frozen=True)
        taken = snapshots.describe(book, name, target, request)
        snapshots.save(taken)
    taken = replace(taken, size=store.used(target))  # takes seconds, in which the lab runs again
    snapshots.save(taken)
    return {"snapshot": taken.listed(), **_started(book)}


def restore(spec: LabSpec, owner: int, report: Report, name: str) -> dict[str, Any]:
    """Have a lab as it was when a snapshot was taken, and start it; the lab need not be there.

    Raises:
        BadInput: there is no such snapshot.
        WhisklabError: something of it is missing, or there is no room; the lab is as before.
    """
    wish = _whole(spec.name, name, owner, report)
    before = journal.read(spec.name, owner)
    book = before or journal.begin(spec, owner)
    disks = store.open_for_lab(report)
    disks.sweep(spec.name, snapshots.kept(book))
    try:
        fresh = _copied(book, wish, disks, report)
    except WhisklabError:
        if before is None:
            lab.down(spec.name, owner, report)
        raise
    lab.halt(book)  # what it would still write is lost anyway
    _switch(book, wish, fresh)
    disks.sweep(spec.name, snapshots.kept(book))
    return lab.up(spec, owner, report)


def clone(
    spec: LabSpec, owner: int, report: Report, request: dict[str, Any], original: LabSpec
) -> dict[str, Any]:
    """Make the lab `spec` as a copy of another one, as that is now or as a snapshot of it is.

    The request says the `source`, its `snapshot` or None, and a `token`: a clone that was begun
    with it is continued.

    Raises:
        BadInput: there is a lab of that name already, or no such source.
        WhisklabError: there is no room.
    """
    source, name, token = str(request["source"]), request["snapshot"], str(request["token"])
    begun = journal.read(spec.name, owner)
    if begun and begun.record.clone != token:
        raise BadInput(f"there is a lab {spec.name!r} already: take another name for the clone")
    if begun and begun.record.hosts:  # its disks are there, its maker was killed after that
        again = {} if name is not None else {"source": _resumed(original, owner, report)}
        return {**lab.up(spec, owner, report), **again}
    if name is not None:
        wish = _whole(source, name, owner, report)
        _make_clone(spec, owner, report, wish, token)
        return lab.up(spec, owner, report)
    book = lab.known(source, owner)
    with _still(original, book, owner, report):
        nothing: dict[str, Any] = {"files": {}, "notes": {}}
        wish = snapshots.describe(book, "now", book.paths.disks, nothing)
        _make_clone(spec, owner, report, wish, token)
    return {**lab.up(spec, owner, report), "source": _started(book)}


def recall(name: str, snapshot_name: str, owner: int, report: Report) -> dict[str, Any]:
    """What the user's side has kept with a snapshot that could be restored.

    Raises:
        BadInput: there is none of that name.
        WhisklabError: something of it is missing.
    """
    wish = _whole(name, snapshot_name, owner, report)
    return {"files": wish.files}


def delete(name: str, snapshot_name: str, owner: int, report: Report) -> dict[str, Any]:
    """Remove a snapshot.

    Raises:
        BadInput: there is none of that name.
    """
    found = snapshots.read(name, snapshot_name, owner)
    with store.looked_into(report) as disks:
        snapshots.forget(found)
        if disks:
            disks.remove(Path(found.disks))
    return {"removed": found.listed()}


def _whole(lab_name: str, name: str, owner: int, report: Report) -> Snapshot:
    """A snapshot of which nothing is missing."""
    wish = snapshots.read(lab_name, name, owner)
    with store.looked_into(report):
        snapshots.require_whole(wish)
    return wish


class _still:  # noqa: N801  a context manager, read as one
    """Have a lab stopped for a moment; it runs again afterwards if it ran before.

    A killed run leaves the mark `paused` in the record, so that the next one starts it again.
    """

    def __init__(self, spec: LabSpec, book: Journal, owner: int, report: Report) -> None:
        self._spec, self._book, self._owner, self._report = spec, book, owner, report

    def __enter__(self) -> Store:
        record = self._book.record
        disks = store.open_for_lab(self._report)
        disks.sweep(record.lab, snapshots.kept(self._book))
        self._ran = record.paused or any(alive(host.keeper) for host in record.hosts.values())
        record.paused = self._ran
        self._book.save()
        lab.power_off(self._book, self._report)
        _bring_in(self._book, disks, self._report)
        return disks

    def __exit__(self, *_: object) -> None:
        if self._ran:
            lab.up(self._spec, self._owner, self._report)
            self._book.record = lab.known(self._spec.name, self._owner).record


def _bring_in(book: Journal, disks: Store, report: Report) -> None:
    """Move disks that lie elsewhere, of a lab from before there was a store, into it."""
    before = book.paths.disks
    if disks.top in before.parents:
        return
    inside = journal.new_disks(book.record.lab)
    disks.require_room(f"moving the disks of {book.record.lab}", before)
    report(f"moving the disks of {book.record.lab} to {disks.top}, once")
    disks.copy(before, inside)
    book.record.disks = str(inside)
    book.save()
    remove_tree(before, record_of(book.record.lab).parent)


def _copied(book: Journal, wish: Snapshot, disks: Store, report: Report) -> Path:
    """Copy the disks of a snapshot for a lab; they are nobody's yet."""
    what = f"the copy of {wish.lab}@{wish.name}"
    disks.require_room(what, Path(wish.disks))
    disks.announce(what, Path(wish.disks), report)
    fresh = journal.new_disks(book.record.lab)
    disks.copy(Path(wish.disks), fresh)
    return fresh


def _switch(book: Journal, wish: Snapshot, fresh: Path) -> None:
    """Have the record name these disks, and the hosts of the snapshot; none of them runs."""
    book.record.hosts = {
        name: HostRecord(
            machine=part.machine,
            image=part.image,
            ports=_ports(book, name, part),
            disk_done=True,
        )
        for name, part in wish.hosts.items()
    }
    book.record.network, book.record.internet = wish.network, wish.internet
    book.record.disks = str(fresh)
    book.save()


def _ports(book: Journal, name: str, part: Part) -> dict[int, int]:
    """The ports of a restored host: those that it has now, or had; a clone's are its own."""
    now = book.record.hosts.get(name)
    if now and now.ports:
        return now.ports
    return {} if book.record.clone else part.ports


def _make_clone(spec: LabSpec, owner: int, report: Report, wish: Snapshot, token: str) -> None:
    book = journal.begin(spec, owner, clone=token)
    disks = store.open_for_lab(report)
    disks.sweep(spec.name, snapshots.kept(book))
    try:
        fresh = _copied(book, wish, disks, report)
    except WhisklabError:
        lab.down(spec.name, owner, report)
        raise
    _switch(book, wish, fresh)


def _resumed(spec: LabSpec, owner: int, report: Report) -> dict[str, Any]:
    """Start a lab again that a killed run has stopped for a moment; how it is reached then."""
    book = lab.known(spec.name, owner)
    if book.record.paused:
        lab.up(spec, owner, report)
    return _started(lab.known(spec.name, owner))


def _started(book: Journal) -> dict[str, Any]:
    """How a lab is reached now, for the user's side."""
    hosts = book.record.hosts
    return {
        "hosts": {name: host.ports for name, host in hosts.items()},
        "running": any(alive(host.keeper) for host in hosts.values()),
    }
