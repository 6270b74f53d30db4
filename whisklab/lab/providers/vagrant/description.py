"""What the Vagrantfile reads: a description of the machines, and what is brought to each.

It lies in Vagrant's own directory of the lab, so that vagrant's commands by hand find it, too.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from whisklab.lab.common.guest.record import Record, write_json
from whisklab.lab.common.guest.told import marker
from whisklab.lab.common.machine import Machine
from whisklab.lab.provider import Wish
from whisklab.lab.sizes import of_groups
from whisklab.lab.state import write

SCRIPT = Path(__file__).with_name("provision.sh")
DESCRIPTION = "whisklab.json"  # what the Vagrantfile looks for
DEFAULT = "vagrant"  # the lab that vagrant's own commands are about
_MIB, _GIB = 1024**2, 1024**3


def directory(home: Path, lab: str) -> Path:
    """Where Vagrant keeps what it knows of a lab, below the repository."""
    own = home / ".vagrant"
    return own if lab == DEFAULT else own / "labs" / lab


def box(image: str) -> tuple[str, str]:
    """Return a box, and its version ("" for the newest that there is), of what a topology says."""
    name, _, version = image.partition("@")
    return name, version


def describe(wish: Wish, record: Record, data: Path) -> None:
    """Write the description of a lab; machines that are no more wished stay in it until removed.

    Args:
        wish: the lab as it is to be.
        record: what was begun, with the token of the lab.
        data: Vagrant's directory of the lab.
    """
    name, version = box(wish.options["image"])
    wished = {each.name: _machine(each, record, data) for each in wish.machines}
    before = {each["name"]: each for each in _before(data) if each["name"] in record.members}
    write_json(data / DESCRIPTION, {
        "lab": wish.name,
        "prefix": f"{wish.name}-",
        "box": name,
        "box_version": version or None,
        "netmask": str(wish.network.netmask),
        "script": str(SCRIPT),
        "machines": list({**before, **wished}.values()),
    })  # fmt: skip
    for each in wish.machines:
        _bring(wish, each, record, data)


def _before(data: Path) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads((data / DESCRIPTION).read_text())["machines"]
    except FileNotFoundError:
        return []
    return found


def _machine(machine: Machine, record: Record, data: Path) -> dict[str, Any]:
    size = machine.size or of_groups(machine.groups)
    return {
        "name": machine.name,
        "instance": record.instance(machine.name),
        "address": str(machine.address),
        "cpus": size.cpus,
        "memory_mb": size.memory // _MIB,
        "disk_gb": -(-size.disk // _GIB),
        "files": str(_files(data, machine.name)),
    }


def _files(data: Path, name: str) -> Path:
    return data / "whisklab" / name


def _bring(wish: Wish, machine: Machine, record: Record, data: Path) -> None:
    """Write the files that are brought to a machine; only their owner reads them."""
    files = _files(data, machine.name)
    files.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, text in {
        "user": wish.user + "\n",
        "authorized_keys": wish.authorized_key.strip() + "\n",
        "host_key": wish.host_keys[machine.name],
        "host_key.pub": record.members[machine.name].host_key + "\n",
        "marker": marker(record.token, machine.name),
    }.items():
        write(files / name, text)


def forget(data: Path) -> None:
    """Remove the description, and the files; what Vagrant itself keeps stays."""
    shutil.rmtree(data / "whisklab", ignore_errors=True)
    (data / DESCRIPTION).unlink(missing_ok=True)
