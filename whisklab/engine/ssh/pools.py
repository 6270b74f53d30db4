"""Connections of urllib3 through the SSH connection of a host.

Who needs them imports this in the function that does: to load urllib3 takes a twentieth of a start,
and is done while hosts answer.
"""

from __future__ import annotations

import socket
from typing import Any

from pyinfra.api.host import Host
from urllib3 import PoolManager
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from whisklab.engine import limits
from whisklab.engine.ssh.tunnels import open_tunnel
from whisklab.errors import WhisklabError


def tunnelled(
    host: Host,
    address: str | None = None,
    port: int | None = None,
    **options: Any,  # noqa: ANN401
) -> PoolManager:
    """Return a pool whose HTTPS connections go through the SSH connection of a host.

    Args:
        host: at the other end of the SSH connection.
        address: to which all go, as the host sees it; None for that of each URL.
        port: there; None for that of each URL.
        options: of urllib3's pool, such as ssl_context.
    """

    class Connection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            try:
                found = open_tunnel(host, address or self.host, port or self.port)
            except WhisklabError as error:
                raise NewConnectionError(self, str(error)) from error
            found.settimeout(
                limits.CONNECT_WITHIN
            )  # somebody may accept a connection and say nothing
            return found

        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(None)  # sending may take long; each answer has its own time

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    manager = PoolManager(retries=False, **options)
    manager.pool_classes_by_scheme = {"https": Pool}
    return manager
