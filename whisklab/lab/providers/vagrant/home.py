"""The checkout in which a lab was made: its Vagrantfile, and Vagrant's files of the machines."""

from __future__ import annotations

from pathlib import Path

from whisklab.errors import BadInput
from whisklab.lab.common.guest import record as records
from whisklab.lab.common.guest.record import Record
from whisklab.lab.providers.vagrant.description import DESCRIPTION, directory

FILE = "Vagrantfile"


def home_of(record: Record) -> Path:
    """Return that directory."""
    return record.home or Path.cwd()


def at_home(record: Record) -> Record:
    """Have a lab in this checkout, if its own is gone and this one has Vagrant's files of it."""
    here = Path.cwd()
    gone = record.home is None or not (record.home / FILE).is_file()
    if gone and (here / FILE).is_file() and (directory(here, record.lab) / DESCRIPTION).is_file():
        record.home = here
    return record


def require_home(record: Record) -> None:
    """Refuse a checkout that is gone: Vagrant's own files of the machines lie in it.

    Raises:
        BadInput: says what can be done.
    """
    home = home_of(record)
    if not (home / FILE).is_file():
        machines = ", ".join(map(record.instance, record.members)) or "none yet"
        raise BadInput(
            f"there is no {FILE} in {home}, where {record.lab} was made: go to the repository that "
            f"has its .vagrant now; or remove its machines ({machines}) in the hypervisor, and "
            f"then {records.file_of(record.provider, record.lab)}"
        )


def data_of(record: Record) -> Path:
    """Return where Vagrant keeps what it knows of the lab."""
    return directory(home_of(record), record.lab)
