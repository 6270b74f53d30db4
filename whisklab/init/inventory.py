"""The files of an environment: its inventory, the host keys beside it, its settings."""

from __future__ import annotations

import pprint
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisklab.engine.data.secrets import write_private
from whisklab.engine.run.environment import GROUPS
from whisklab.errors import BadInput
from whisklab.init.keys import HostKey, host_keys

MASTERS, WORKERS, STORAGE, REGISTRY = GROUPS
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_PUBLIC = 0o644
_HEAD = """\
\"\"\"The machines of {name}, as `whisklab init` found them once; from now on the file is yours.

Their host keys are in {keys}. Settings for them go to
{data}; group_data/all.py lists them all.
\"\"\"

_ssh = {common}

# node_address: the machine's address in the network of the cluster.
# ssh_hostname: where SSH goes, an address, a name or an alias of the ssh_config.
"""


@dataclass(frozen=True)
class Files:
    """Where the files of an environment are, in the current directory."""

    name: str

    @property
    def inventory(self) -> Path:
        """For pyinfra."""
        return Path("inventories") / f"{self.name}.py"

    @property
    def keys(self) -> Path:
        """The host keys of its machines."""
        return Path("inventories") / f"{self.name}.known_hosts"

    @property
    def data(self) -> Path:
        """Its settings."""
        return Path("group_data") / f"{self.name}.py"

    def check(self) -> None:
        """See that an environment of this name may be made here.

        Raises:
            BadInput: it may not, or there is one.
        """
        if not _NAME.fullmatch(self.name) or self.name in (*GROUPS, "all"):
            raise BadInput(
                f"{self.name}: expected a name such as my-lab: lower case letters, digits, -; "
                f"and none of {', '.join((*GROUPS, 'all'))}, which mean something else"
            )
        if not Path("config.py").is_file():
            raise BadInput("there is no config.py here: go to the repository's directory")
        if self.inventory.exists():
            raise BadInput(
                f"{self.inventory} is there already, and is not overwritten: edit it, or give "
                "another name"
            )

    def known(self) -> dict[str, HostKey]:
        """Return the host keys that were confirmed, by their name in a known_hosts file.

        Raises:
            BadInput: the file has something else.
        """
        return host_keys(self.keys.read_text().splitlines()) if self.keys.exists() else {}

    def keep(self, keys: Mapping[str, HostKey]) -> None:
        """Have host keys in the file, which keeps all that it has. Idempotent.

        Args:
            keys: by name in a known_hosts file.
        """
        known = self.known()
        new = [f"{name} {key.kind} {key.text}\n" for name, key in keys.items() if name not in known]
        head = f"# Host keys of {self.name}, each confirmed once.\n"
        text = self.keys.read_text() if self.keys.exists() else head
        if new:
            _write(self.keys, f"{text.rstrip()}\n{''.join(new)}")

    def write(
        self, common: Mapping[str, Any], groups: Mapping[str, Sequence[Member]]
    ) -> list[Path]:
        """Write the inventory, and a file for settings where there is none; return them.

        Args:
            common: data that all machines have.
            groups: by name.
        """
        written = []
        if not self.data.exists():
            _write(self.data, f'"""Settings of {self.name}; group_data/all.py lists them all."""\n')
            written.append(self.data)
        text = inventory(self, common, groups)
        _write(self.inventory, text)  # last: with it the environment is there
        return [self.inventory, *written]


@dataclass(frozen=True)
class Member:
    """A machine of an inventory: its name and what only it has of data."""

    name: str
    data: Mapping[str, Any]


def _write(path: Path, text: str) -> None:
    write_private(path, text)
    path.chmod(_PUBLIC)


def inventory(
    files: Files, common: Mapping[str, Any], groups: Mapping[str, Sequence[Member]]
) -> str:
    """Return the text of an inventory. Pure.

    A machine has its data where it comes first; in a further group stands its name alone.
    """
    text = _HEAD.format(
        name=files.name, keys=files.keys, data=files.data,
        common=pprint.pformat(dict(common), width=90, sort_dicts=False),
    )  # fmt: skip
    seen: set[str] = set()
    for group in GROUPS:
        text += f"{group} = [\n"
        for member in groups.get(group, ()):
            text += f"    {_entry(member, named=member.name in seen)},\n"
            seen.add(member.name)
        text += "]\n"
    return text


def _entry(member: Member, *, named: bool) -> str:
    if named:
        return repr(member.name)
    own = "".join(f", {key!r}: {value!r}" for key, value in member.data.items())
    return f"({member.name!r}, {{**_ssh{own}}})"


def roles(names: Sequence[str], masters: int) -> dict[str, list[str]]:
    """Return which machines are in which group. Pure.

    The first ones are k3s servers; the last of three or more has storage and registry, unless it is
    a server: then, and of fewer, the first has them. The others are agents.

    Args:
        names: of all machines.
        masters: how many are servers.

    Raises:
        BadInput: there are not so many.
    """
    if masters > len(names):
        raise BadInput(f"--masters {masters}: there are {len(names)} machines")
    keeper = names[-1] if len(names) > max(masters, 2) else names[0]
    workers = [name for name in names[masters:] if name != keeper]
    return {MASTERS: list(names[:masters]), WORKERS: workers, STORAGE: [keeper],
            REGISTRY: [keeper]}  # fmt: skip
