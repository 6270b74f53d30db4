"""What wsk reads, as pure functions. Paths stand here, once."""

from __future__ import annotations

from deploys.wsk.settings import WskSettings

BINARY = "/usr/local/bin/wsk"
FILE = ".wskprops"  # in a user's home directory


def properties(settings: WskSettings, api_host: str, auth: str) -> str:
    """Return the property file.

    Args:
        settings: of the host.
        api_host: `host:port` of OpenWhisk's API, unless the settings say another.
        auth: the key, unless the settings have another.
    """
    return f"APIHOST={settings.api_host or api_host}\nAUTH={settings.auth or auth}\n"
