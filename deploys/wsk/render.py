"""What wsk reads, as pure functions. Paths stand here, once."""

from __future__ import annotations

import ipaddress

from deploys.wsk.settings import WskSettings

BINARY = "/usr/local/bin/wsk"
FILE = ".wskprops"  # in a user's home directory


def properties(settings: WskSettings, address: str) -> str:
    """Return the property file.

    Args:
        settings: of the host.
        address: of the server where OpenWhisk's API is.
    """
    v6 = ipaddress.ip_address(address).version == 6  # noqa: PLR2004
    host = f"[{address}]" if v6 else address
    api_host = settings.api_host or f"{host}:{settings.api_port}"
    return f"APIHOST={api_host}\nAUTH={settings.auth}\n"
