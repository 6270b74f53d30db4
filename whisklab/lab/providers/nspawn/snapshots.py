"""What snapshots there are: each a description, written last, and the disks of all hosts.

A snapshot is complete when its description is there, and the description is written or removed in
one step. Disks that no description and no record names are of a killed run, and are swept away.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common import machine
from whisklab.lab.common.machine import Machine
from whisklab.lab.common.names import is_snapshot_name
from whisklab.lab.providers.nspawn import image, layout
from whisklab.lab.providers.nspawn.journal import ROOT, Journal
from whisklab.lab.providers.nspawn.record import write_whole

VERSION = 1


@dataclass(frozen=True)
class Part:
    """One host of a snapshot: what it is, the image below its disk, its ports on 127.0.0.1."""

    machine: Machine
    image: str
    ports: dict[int, int]


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of all hosts of a lab.

    Attributes:
        lab: of which it is.
        name: that the user gave it.
        key: tells it from another one of that name; the name of its directory of disks.
        owner: the user id of who made it.
        created: seconds since 1970.
        disks: the directory with the disks of all hosts.
        size: bytes of these, what they share with others too; 0 until that was found out.
        network: of the hosts.
        internet: whether they have a way out.
        hosts: by name.
        files: what the user's side has to keep with it: names to contents.
        notes: what the user's side says of it for people.
    """

    lab: str
    name: str
    key: str
    owner: int
    created: float
    disks: str
    size: int
    network: str
    internet: bool
    hosts: dict[str, Part]
    files: dict[str, str]
    notes: dict[str, Any]

    def listed(self) -> dict[str, Any]:
        """What a list shows of it."""
        about = {"name": self.name, "created": self.created, "size": self.size}
        return {**about, "hosts": list(self.hosts), **self.notes}


def directory(lab: str) -> Path:
    """Where the descriptions of a lab's snapshots are."""
    return layout.SNAPSHOTS / lab


def _file(lab: str, name: str) -> Path:
    if not is_snapshot_name(name):
        raise BadInput(
            f"{name!r} cannot name a snapshot: letters, digits, dots and hyphens, at most 40,"
            " a letter or digit first"
        )
    return directory(lab) / f"{name}.json"


def new_key() -> str:
    """A name that no other snapshot's disks have."""
    return secrets.token_hex(4)


def describe(book: Journal, name: str, disks: Path, request: dict[str, Any]) -> Snapshot:
    """The description of a lab as it is, whose disks were copied to `disks`."""
    record = book.record
    hosts = {
        key: Part(host.machine, host.image, dict(host.ports)) for key, host in record.hosts.items()
    }
    return Snapshot(
        lab=record.lab, name=name, key=disks.name, owner=record.owner, created=time.time(),
        disks=str(disks), size=0, network=record.network, internet=record.internet,
        hosts=hosts, files=dict(request["files"]), notes=dict(request["notes"]),
    )  # fmt: skip


def save(snapshot: Snapshot) -> None:
    """Write the description: from now on the snapshot is there. It holds secrets: root's alone."""
    file = _file(snapshot.lab, snapshot.name)
    file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    data = asdict(snapshot)
    for name, part in snapshot.hosts.items():
        data["hosts"][name]["machine"] = part.machine.as_data()
    write_whole(file, json.dumps({"version": VERSION, **data}, indent=1), 0o600)


def parse(text: str) -> Snapshot:
    """Read what `save` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is not a snapshot of this version.
    """
    data = json.loads(text)
    if data.pop("version") != VERSION:
        raise ValueError("another version")
    hosts = {
        name: Part(
            machine.parse(part["machine"]),
            part["image"],
            {int(port): int(local) for port, local in part["ports"].items()},
        )
        for name, part in data.pop("hosts").items()
    }
    return Snapshot(**data, hosts=hosts)


def read(lab: str, name: str, owner: int) -> Snapshot:
    """One snapshot.

    Raises:
        BadInput: there is none of that name, or it is another user's.
        WhisklabError: it is damaged.
    """
    file = _file(lab, name)
    if not file.exists():
        names = ", ".join(each.name for each in everything(lab)) or "none"
        raise BadInput(f"the lab {lab!r} has no snapshot {name!r}; there is {names}")
    found = _read(file)
    if owner not in (found.owner, ROOT):
        raise BadInput(f"the snapshot {name!r} belongs to another user (uid {found.owner})")
    return found


def _read(file: Path) -> Snapshot:
    try:
        return parse(file.read_text(encoding="utf-8"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WhisklabError(
            f"{file} is no description of a snapshot ({error!r}): remove it"
        ) from None


def require_new(lab: str, name: str) -> None:
    """Refuse a name that is taken.

    Raises:
        BadInput: it is taken, or cannot name a snapshot.
    """
    if _file(lab, name).exists():
        raise BadInput(
            f"the lab {lab!r} has a snapshot {name!r} already: take another name, or remove it"
            f" first (`whisklab snapshot {lab} {name} --delete`)"
        )


def everything(lab: str) -> list[Snapshot]:
    """All snapshots of a lab, the oldest first."""
    found = [_read(file) for file in directory(lab).glob("*.json")]
    return sorted(found, key=lambda each: each.created)


def forget(snapshot: Snapshot) -> None:
    """Remove the description: from now on there is no such snapshot."""
    file = _file(snapshot.lab, snapshot.name)
    file.unlink(missing_ok=True)
    remaining = [path for path in file.parent.glob("*") if path.suffix == ".json"]
    if not remaining:
        for left in file.parent.glob("*.new"):
            left.unlink()
        file.parent.rmdir()


def kept(book: Journal | None, lab: str = "") -> set[Path]:
    """The disks of a lab that are somebody's: its own, and those of its snapshots."""
    name = book.record.lab if book else lab
    own = {book.paths.disks} if book else set()
    return own | {Path(each.disks) for each in everything(name)}


def require_whole(snapshot: Snapshot) -> None:
    """Refuse a snapshot of which something is missing.

    Raises:
        WhisklabError: names what.
    """
    for name, part in snapshot.hosts.items():
        if not (Path(snapshot.disks) / name).is_dir():
            raise WhisklabError(
                f"the snapshot {snapshot.name!r} of {snapshot.lab} lacks the disk of {name}, it"
                " cannot be restored: remove it with"
                f" `whisklab snapshot {snapshot.lab} {snapshot.name} --delete`"
            )
        if not image.root_of(part.image).is_dir():
            raise WhisklabError(
                f"the snapshot {snapshot.name!r} of {snapshot.lab} was made over the image"
                f" {part.image}, which is gone, so it cannot be restored: make the lab anew"
            )


def images() -> set[str]:
    """The images below the disks of any snapshot."""
    files = layout.SNAPSHOTS.glob("*/*.json")
    return {part.image for file in files for part in _read(file).hosts.values()}
