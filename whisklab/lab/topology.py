"""The topology of a lab: which hosts it has and how one reaches them."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from whisklab.errors import BadInput
from whisklab.lab import provider as providers
from whisklab.lab import sizes
from whisklab.lab.common.machine import SSH, Machine, Size
from whisklab.lab.common.names import is_host_name, is_lab_name, is_user_name
from whisklab.lab.yaml_input import read_yaml, sentence

FIRST_HOST = 11  # the first host is .11; the bridge is .1
WIDEST, NARROWEST = 16, 28  # prefixes of a lab's network
# 24.04, an alias, or one of a remote (daily:24.04); a box and its version: name/box@1.2.3
IMAGE = r"^[A-Za-z0-9][A-Za-z0-9.:_/-]{0,60}(@[0-9A-Za-z.]{1,30})?$"
# Keys that only some providers take; those of a host stand below `hosts.NAME`.
_OF_LAB = ("internet", "network", "image", "hypervisor")
_OPTIONS = ("image", "hypervisor")
_OF_HOST = ("address", "forward", "kernel", "cpus", "memory", "disk")

Group = Literal["masters", "workers", "storage", "registry"]
GROUPS: tuple[Group, ...] = ("masters", "workers", "storage", "registry")


def _provider(value: object) -> object:
    if value in providers.names():
        return value
    *others, last = providers.names()
    raise ValueError(f"{', '.join(others)} or {last}")


def _network(value: object) -> object:
    try:
        network = IPv4Network(str(value))
    except ValueError:
        raise ValueError("an IPv4 network such as 10.77.0.0/24") from None
    if not WIDEST <= network.prefixlen <= NARROWEST:
        raise ValueError(f"an IPv4 network between /{WIDEST} and /{NARROWEST}")
    return network


def _user(value: str) -> str:
    if not is_user_name(value):
        raise ValueError("a user name other than root, such as lab")
    return value


def _no_ssh(ports: list[int]) -> list[int]:
    if SSH in ports:
        raise ValueError("ports other than 22, which is always forwarded")
    if len(set(ports)) != len(ports):
        raise ValueError("every port once")
    return ports


def _bytes(value: object, info: ValidationInfo) -> object:
    found = sizes.read(value)
    if found < LEAST[str(info.field_name)]:
        raise ValueError(f"at least {sizes.written(LEAST[str(info.field_name)])}")
    return found


# Smaller ones do not start (Multipass's own limits).
LEAST = {"memory": sizes.read("512M"), "disk": sizes.read("5G")}
Bytes = Annotated[int, BeforeValidator(_bytes)]
Port = Annotated[int, Field(ge=1, le=65535)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Host(_Strict):
    """One machine of the lab.

    `forward` lists ports of the host that get a free port on 127.0.0.1, besides 22. `kernel` is
    `shared` (the machine's own), `uml` (User-mode Linux, a kernel of the host's own), or `auto`:
    uml for the group storage where the machine's kernel cannot serve NFS. `cpus`, `memory` and
    `disk` are for providers of virtual machines; what is not given follows from the groups.
    """

    groups: list[Group] = []
    address: IPv4Address | None = None
    forward: Annotated[list[Port], AfterValidator(_no_ssh)] = []
    kernel: Literal["auto", "shared", "uml"] = "auto"
    cpus: Annotated[int, Field(ge=1, le=1024)] | None = None
    memory: Bytes | None = None
    disk: Bytes | None = None

    def size(self) -> Size:
        """How big it is."""
        usual = sizes.of_groups(self.groups)
        return Size(self.cpus or usual.cpus, self.memory or usual.memory, self.disk or usual.disk)


class Topology(_Strict):
    """A lab as its file describes it, with every default filled in."""

    provider: Annotated[str, BeforeValidator(_provider)] = "nspawn"
    catalogue: Literal["auto", "upstream", "standins"] = "auto"
    internet: Literal["auto", True, False] = "auto"
    image: Annotated[str, Field(pattern=IMAGE)] = ""
    hypervisor: Literal["", "virtualbox", "libvirt"] = ""
    network: Annotated[IPv4Network, BeforeValidator(_network)] = IPv4Network("10.77.0.0/24")
    user: Annotated[str, AfterValidator(_user)] = "lab"
    hosts: Annotated[dict[str, Host], Field(min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: object) -> object:
        """Give what is not said the default of the provider."""
        if isinstance(data, dict) and data.get("provider") in providers.names():
            return {**providers.get(data["provider"]).defaults, **data}
        return data

    @model_validator(mode="after")
    def _check_keys(self) -> Topology:
        taken = providers.get(self.provider).keys
        strange = [key for key in _OF_LAB if key in self.model_fields_set and key not in taken]
        strange += [
            f"hosts.{name}.{key}"
            for name, host in self.hosts.items()
            for key in _OF_HOST
            if key in host.model_fields_set and key not in taken
        ]
        if strange:
            raise ValueError(f"{strange[0]}: means nothing to the provider {self.provider}")
        return self

    @property
    def way_out(self) -> Literal["auto", True, False]:
        """Whether the machines reach other networks; those of some providers always do."""
        return self.internet if "internet" in providers.get(self.provider).keys else True

    def settled(self, internet: bool) -> Topology:
        """The same, where it was to be found out whether the machines have a way out."""
        return self.model_copy(update={"internet": internet}) if self.way_out == "auto" else self

    def options(self) -> dict[str, str]:
        """What only some providers read, by its key."""
        return {key: str(getattr(self, key)) for key in _OPTIONS if getattr(self, key)}

    def text(self) -> str:
        """What `parse` reads again, with every default that counts written out."""
        taken = providers.get(self.provider).keys

        def counts(data: dict[str, Any], only_some: tuple[str, ...]) -> dict[str, Any]:
            return {key: each for key, each in data.items() if key in taken or key not in only_some}

        data = counts(self.model_dump(mode="json"), _OF_LAB)
        data["hosts"] = {name: counts(host, _OF_HOST) for name, host in data["hosts"].items()}
        return json.dumps(data, indent=1) + "\n"

    @model_validator(mode="after")
    def _check_hosts(self) -> Topology:
        for name in self.hosts:
            if not is_host_name(name):
                raise ValueError(f"hosts: {name!r} is no host name (lower-case letters, digits, -)")
        self.addresses()
        return self

    @property
    def gateway(self) -> IPv4Address:
        """The address of the lab's bridge."""
        return self.network.network_address + 1

    def addresses(self) -> dict[str, IPv4Address]:
        """The address of every host: its own, or the next free one from .11 on.

        A host without `address:` keeps its place in the file, so adding one at the end moves none.
        """
        said = {name: host.address for name, host in self.hosts.items() if host.address}
        self._check_addresses(said)
        taken = set(said.values())
        result: dict[str, IPv4Address] = {}
        following = self.network.network_address + FIRST_HOST
        for name in self.hosts:
            if name in said:
                result[name] = said[name]
                continue
            while following in taken:
                following += 1
            if following not in self.network or following == self.network.broadcast_address:
                raise ValueError(f"hosts: {self.network} has no address left for {name}")
            result[name] = following
            following += 1
        return result

    def machines(self) -> tuple[Machine, ...]:
        """The machines, in the order of the file."""
        sized = "memory" in providers.get(self.provider).keys
        return tuple(
            Machine(
                name,
                tuple(self.hosts[name].groups),
                address,
                (SSH, *self.hosts[name].forward),
                self.hosts[name].kernel,
                self.hosts[name].size() if sized else None,
            )
            for name, address in self.addresses().items()
        )

    def _check_addresses(self, said: dict[str, IPv4Address]) -> None:
        reserved = {self.network.network_address, self.network.broadcast_address, self.gateway}
        owner: dict[IPv4Address, str] = {}
        for name, address in said.items():
            if address not in self.network or address in reserved:
                raise ValueError(
                    f"hosts.{name}.address: expected a host's address in {self.network}"
                    f" other than the gateway {self.gateway}, got {address}"
                )
            if address in owner:
                raise ValueError(
                    f"hosts.{name}.address: {address} is already the address of {owner[address]}"
                )
            owner[address] = name


def load(path: Path) -> Topology:
    """Read and check a topology file.

    Raises:
        BadInput: one sentence that names the file, the key and what was expected.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; give the topology with --topology FILE") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read as a topology ({error})") from None
    return parse(text, str(path))


def parse(text: str, source: str) -> Topology:
    """Check the text of a topology; `source` names it in errors.

    Raises:
        BadInput: as `load` does.
    """
    data = read_yaml(text, source)
    if not isinstance(data, dict):
        raise BadInput(f"{source}: expected a mapping with the key hosts")
    try:
        return Topology.model_validate(data)
    except ValidationError as error:
        raise BadInput(f"{source}: {sentence(error)}") from None


def check_lab_name(name: str) -> str:
    """Return `name` when it can name a lab.

    Raises:
        BadInput: when it cannot.
    """
    if not is_lab_name(name):
        raise BadInput(
            f"{name!r} cannot name a lab: a lower-case letter, then at most 20 letters, digits or -"
        )
    return name
