"""What the engine must know of each machine: the data that come from the inventory."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field
from pyinfra.api.host import Host
from pyinfra.facts.server import Arch

from whisklab.engine import runs
from whisklab.engine.data.settings import Settings
from whisklab.errors import WhisklabError

PROXY = re.compile(r"(https?|socks5)://[^\s\"'\\]+")
INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")  # as the kernel limits it
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # as `uname -m` says, as Debian says


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("expected an IP address such as 192.168.1.10") from None


def _interface(value: str) -> str:
    if not INTERFACE.fullmatch(value):
        raise ValueError("expected the name of a network card, such as eth1")
    return value


def _proxy(value: str) -> str:
    # As systemd reads an environment file: no quotes, no backslash. Passwords are percent-encoded.
    if not PROXY.fullmatch(value):
        raise ValueError("expected a proxy such as http://proxy.example.org:3128")
    return value


def _direct(value: str) -> str:
    if not value or re.search(r"[\s,\"'\\]", value):
        raise ValueError("expected one address, network, name or .suffix")
    return value


Address = Annotated[str, AfterValidator(_address)]

Proxy = Annotated[str, AfterValidator(_proxy)]
Direct = Annotated[str, AfterValidator(_direct)]


class Machine(Settings):
    """One machine, as the inventory describes it.

    Attributes:
        node_address: its address in the network of the cluster, which may be another than the one
            SSH goes to.
        node_interface: the network card that has node_address, such as "eth1", where another one
            has the default route; between nodes pods' packets go through it.
        api_address: `host:port` at which the laptop reaches the Kubernetes API of this machine,
            when that is not node_address.
        catalogue: where artifacts come from, and their checksums.
        mirror: "cn": the laptop downloads from a mirror in China, where the catalogue has one.
        http_proxy: the machine's way out of a closed network, for services that fetch something,
            such as "http://proxy.example.org:3128". It may hold a password (percent-encoded): then
            better read from a file that is not committed. The laptop's own downloads honour
            http_proxy, https_proxy and no_proxy of its environment.
        https_proxy: the same for https.
        no_proxy: what is reached without it, such as ["10.0.0.0/8", ".example.org"]; the cluster
            is.
        offline: the machines have no way out, and what they need came with a bundle (`whisklab
            bundle upload`): images come from the environment's own registry only, under the names
            that charts have, or lie on each node where there is none, and nobody else is asked.
            Other settings get other defaults by it, which stand beside them; what you say of them
            wins.
    """

    prefix: ClassVar[str] = ""

    node_address: Address
    node_interface: Annotated[str, AfterValidator(_interface)] | None = None
    api_address: str | None = None
    catalogue: str = "files/catalogue.yaml"
    mirror: Literal["cn"] | None = None
    http_proxy: Annotated[Proxy | None, Field(repr=False)] = None
    https_proxy: Annotated[Proxy | None, Field(repr=False)] = None
    no_proxy: list[Direct] = []
    offline: bool = False


class _Architectures(dict[str, str]):
    """Of a run's machines, by name."""


def architecture(host: Host) -> str:
    """Return `amd64` or `arm64`; asked once per host and run.

    Raises:
        WhisklabError: the machine is of another architecture.
    """
    known = runs.on(host).part(_Architectures)
    if host.name not in known:
        found = host.get_fact(Arch)
        if found not in ARCHITECTURES:
            raise WhisklabError(
                f"{host.name} is {found or 'of unknown architecture'}: only "
                f"{' and '.join(ARCHITECTURES)} are supported"
            )
        known[host.name] = ARCHITECTURES[found]
    return known[host.name]
