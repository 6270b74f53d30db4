"""What `fileserver` reads from the data."""

from __future__ import annotations

from typing import ClassVar

from whisklab.engine.data.names import Port
from whisklab.engine.data.settings import Settings


class FileServerSettings(Settings):
    """Files over HTTP for closed networks, on the first machine of the group registry.

    Attributes:
        port: on the machine's address in the cluster's network.
    """

    prefix: ClassVar[str] = "fileserver_"

    port: Port = 8003
