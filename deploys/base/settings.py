"""What `base` reads from the data."""

from __future__ import annotations

from typing import ClassVar

from whisklab.engine.settings import Settings


class BaseSettings(Settings):
    """Packages and kernel settings of every host.

    Attributes:
        packages: Debian packages that every host has; curl is needed to ask services whether
            they work.
        modules: kernel modules, loaded now and at each start, where the kernel has them.
        sysctl: kernel settings by name; those that this kernel does not have are left out.
        hosts_entries: whether /etc/hosts names all machines of the environment.
    """

    prefix: ClassVar[str] = "base_"

    packages: list[str] = ["ca-certificates", "conntrack", "curl", "iptables", "jq"]
    modules: list[str] = ["br_netfilter", "overlay"]
    sysctl: dict[str, int] = {
        "net.bridge.bridge-nf-call-ip6tables": 1,
        "net.bridge.bridge-nf-call-iptables": 1,
        "net.ipv4.ip_forward": 1,
    }
    hosts_entries: bool = True
