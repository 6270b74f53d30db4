"""What the engine must know of each machine: the data that come from the inventory."""

from __future__ import annotations

import ipaddress
from typing import Annotated, ClassVar

from pydantic import AfterValidator
from pyinfra.api.host import Host
from pyinfra.facts.server import Arch

from whisklab.engine.settings import Settings
from whisklab.errors import WhisklabError

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # as `uname -m` says, as Debian says


def _address(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("expected an IP address such as 192.168.1.10") from None


Address = Annotated[str, AfterValidator(_address)]


class Machine(Settings):
    """One machine, as the inventory describes it.

    Attributes:
        node_address: its address in the network of the cluster, which may be another than the one
            SSH goes to.
        api_address: `host:port` at which the laptop reaches the Kubernetes API of this machine,
            when that is not node_address.
        catalogue: the path of the artifact catalogue.
    """

    prefix: ClassVar[str] = ""

    node_address: Address
    api_address: str | None = None
    catalogue: str = "files/catalogue.yaml"


_architectures: dict[str, str] = {}


def architecture(host: Host) -> str:
    """Return `amd64` or `arm64`; asked once per host and run.

    Raises:
        WhisklabError: the machine is of another architecture.
    """
    if host.name not in _architectures:
        found = host.get_fact(Arch)
        if found not in ARCHITECTURES:
            raise WhisklabError(
                f"{host.name} is {found or 'of unknown architecture'}: only "
                f"{' and '.join(ARCHITECTURES)} are supported"
            )
        _architectures[host.name] = ARCHITECTURES[found]
    return _architectures[host.name]
