"""The record of a lab together with the file it is kept in."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from whisklab.errors import BadInput
from whisklab.lab.common.process import boot_id
from whisklab.lab.providers.nspawn import record as records
from whisklab.lab.providers.nspawn.layout import STORE, LabPaths, record_of
from whisklab.lab.providers.nspawn.record import Record
from whisklab.lab.providers.nspawn.spec import LabSpec

ROOT = 0


@dataclass
class Journal:
    """What was made for a lab. Change `record`, `save()`, then make it."""

    record: Record

    @property
    def paths(self) -> LabPaths:
        """The lab's directories."""
        return LabPaths(self.record.lab, Path(self.record.disks))

    def save(self) -> None:
        """Write the record down."""
        records.write(self.record, self.paths.record)


def new_disks(lab: str) -> Path:
    """Where another generation of a lab's disks is to be; not made yet."""
    return STORE / "disks" / lab / secrets.token_hex(4)


def read(lab: str, owner: int) -> Journal | None:
    """The journal of a lab, without what a reboot has ended; None when there is no such lab.

    Raises:
        BadInput: the lab belongs to another user.
    """
    record = records.read(record_of(lab))
    if record is None:
        return None
    if owner not in (record.owner, ROOT):
        raise BadInput(f"the lab {lab!r} belongs to another user (uid {record.owner})")
    record.after_reboot(boot_id())
    return Journal(record)


def begin(spec: LabSpec, owner: int, *, clone: str = "") -> Journal:
    """The journal of a lab, started when there is none yet.

    Raises:
        BadInput: the lab belongs to another user, or was made with another network.
    """
    journal = read(spec.name, owner)
    if journal is None:
        record_of(spec.name).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        disks, network = str(new_disks(spec.name)), str(spec.network)
        boot = boot_id()
        record = Record(spec.name, owner, boot, network, spec.internet, disks, clone=clone)
        journal = Journal(record)
        journal.save()
    elif journal.record.owner != owner:
        raise BadInput(
            f"the lab {spec.name!r} belongs to another user (uid {journal.record.owner})"
        )
    elif (journal.record.network, journal.record.internet) != (str(spec.network), spec.internet):
        raise BadInput(
            f"the lab {spec.name!r} exists with another network or internet setting"
            f" ({journal.record.network}); run `whisklab down {spec.name}` first"
        )
    return journal
