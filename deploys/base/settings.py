"""What `base` reads from the data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator

from whisklab.engine.data.settings import Settings

KEY = re.compile(r"[\w-]+(\.[\w-]+)+")


def _key(value: str) -> str:
    if not KEY.fullmatch(value):
        raise ValueError("expected a key of sysctl with dots, such as net.ipv4.ip_forward")
    return value


class BaseSettings(Settings):
    """Packages and kernel settings of every host.

    Attributes:
        packages: Debian packages that every host has; curl is needed to ask services whether
            they work.
        modules: kernel modules, loaded now and at each start, where the kernel has them.
        sysctl: kernel settings by name; those that this kernel does not have are left out.
        hosts_entries: whether /etc/hosts names all machines of the environment.
        updates: whether the system's own timers look for updates. False lets none of their
            services start (apt-daily and the like), as in a closed network, where they only fail;
            True gives them back.
    """

    prefix: ClassVar[str] = "base_"
    closed: ClassVar[Mapping[str, Any]] = MappingProxyType({"updates": False})

    packages: list[str] = ["ca-certificates", "conntrack", "curl", "iptables", "jq"]
    modules: list[str] = ["br_netfilter", "overlay"]
    sysctl: dict[Annotated[str, AfterValidator(_key)], int] = {
        "net.bridge.bridge-nf-call-ip6tables": 1,
        "net.bridge.bridge-nf-call-iptables": 1,
        "net.ipv4.ip_forward": 1,
    }
    hosts_entries: bool = True
    updates: bool = True
