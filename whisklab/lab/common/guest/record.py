"""What this provider knows of a lab of its own: a file in the user's state directory.

It is written before an instance is made, so that one whose making was cut short is known again, and
nothing is ever taken for ours that was not begun by us.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from whisklab.errors import WhisklabError
from whisklab.lab.common.machine import SSH, STORAGE
from whisklab.paths import state_dir

_PRIVATE = 0o600


@dataclass(frozen=True)
class Member:
    """A machine that was begun.

    Attributes:
        groups: what it is for.
        host_key: its public host key, as OpenSSH writes it.
        address: its own, by which it was reached last; None until it was ready once.
        host: where its sshd was reached then, where that is not its own address.
        port: of it.
        card: the network card that had the address, where that matters.
    """

    groups: tuple[str, ...]
    host_key: str
    address: IPv4Address | None = None
    host: str = ""
    port: int = SSH
    card: str = ""


@dataclass
class Record:
    """The instances of a lab.

    Attributes:
        provider: whose they are.
        lab: its name.
        user: who logs into its machines.
        key: the file with the private key of that user.
        token: what its machines have in their marker.
        home: the directory in which the tool that makes them works, where it has one.
        by: what makes its machines, where the tool has several.
        restoring: the snapshot to which it is being restored, "" for none.
        members: its machines, by name.
    """

    provider: str
    lab: str
    user: str
    key: Path
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)
    home: Path | None = None
    by: str = ""
    restoring: str = ""
    members: dict[str, Member] = field(default_factory=dict)

    def instance(self, machine: str) -> str:
        """Return the name of a machine's instance, which is unique on this computer."""
        return f"{self.lab}-{machine}"

    def begun(self, machine: str, groups: tuple[str, ...], host_key: str) -> None:
        """Have a machine in the record that is about to be made."""
        self.members[machine] = Member(groups, host_key)

    def reached(self, machine: str, address: IPv4Address, **how: Any) -> None:  # noqa: ANN401
        """Remember where a machine is: its own address, and what of a member differs."""
        self.members[machine] = replace(self.members[machine], address=address, **how)

    def parts(self) -> list[list[str]]:
        """The machines that others mount theirs from, then the others."""
        first = [name for name, member in self.members.items() if STORAGE in member.groups]
        return [first, [name for name in self.members if name not in first]]

    def save(self) -> None:
        """Write it, in one step."""
        members = {
            name: {
                "groups": list(member.groups),
                "host_key": member.host_key,
                "address": str(member.address) if member.address else None,
                "host": member.host,
                "port": member.port,
                "card": member.card,
            }
            for name, member in self.members.items()
        }
        who = {
            "lab": self.lab,
            "user": self.user,
            "key": str(self.key),
            "token": self.token,
            "home": str(self.home) if self.home else None,
            "by": self.by,
            "restoring": self.restoring,
        }
        write_json(file_of(self.provider, self.lab), {**who, "members": members})


def directory(provider: str) -> Path:
    """Where the records of a provider are."""
    return state_dir() / provider


def file_of(provider: str, lab: str) -> Path:
    """The record of a lab."""
    return directory(provider) / f"{lab}.json"


def snapshots_of(provider: str, lab: str) -> Path:
    """The directory of what is kept with the snapshots of a lab."""
    return directory(provider) / "snapshots" / lab


def read(provider: str, lab: str) -> Record | None:
    """Read the record of a lab; None when there is none.

    Raises:
        WhisklabError: it is damaged.
    """
    file = file_of(provider, lab)
    data = read_json(file)
    if data is None:
        return None
    try:
        return Record(
            provider,
            str(data["lab"]),
            str(data["user"]),
            Path(data["key"]),
            str(data["token"]),
            Path(data["home"]) if data["home"] else None,
            str(data["by"]),
            str(data["restoring"]),
            {str(name): _member(each) for name, each in data["members"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WhisklabError(
            f"{file} is damaged ({error!r}): remove its machines by hand, their names begin with "
            f"{lab}-, and then that file"
        ) from None


def _member(data: Mapping[str, Any]) -> Member:
    address = IPv4Address(data["address"]) if data["address"] else None
    return Member(
        tuple(data["groups"]), str(data["host_key"]), address,
        str(data["host"]), int(data["port"]), str(data["card"]),
    )  # fmt: skip


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Replace a file in one step; nobody else can read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=_PRIVATE)
    beside.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a file; None when there is none.

    Raises:
        WhisklabError: it is no JSON.
    """
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise WhisklabError(f"{path} is damaged ({error})") from None
    return data
