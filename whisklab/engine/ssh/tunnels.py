"""Connections into a host's own network through its existing SSH connection.

What the laptop must reach inside (the Kubernetes API, a registry) goes this way, so no other port
need be open. sshd must allow TCP forwarding.
"""

from __future__ import annotations

import socket

import gevent
import paramiko
from pyinfra.api.host import Host

from whisklab.engine import limits
from whisklab.engine.ssh import alive
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.errors import WhisklabError

CHUNK = 65536


class Forbidden(WhisklabError):
    """sshd of the host does not allow TCP forwarding."""


def open_tunnel(host: Host, address: str, port: int) -> socket.socket:
    """Return a socket connected to `address`:`port` as `host` sees it.

    Raises:
        Forbidden: sshd forbids forwarding.
        WhisklabError: nothing listens there.
    """
    return _as_socket(open_channel(host, address, port))


def open_channel(host: Host, address: str, port: int) -> paramiko.Channel:
    """Return a channel of the SSH connection to `address`:`port` as `host` sees it.

    Raises:
        WhisklabError: nothing listens there, sshd forbids forwarding, or the connection is lost.
    """
    connector = host.connector
    if not isinstance(connector, WhiskSSH):
        raise WhisklabError(f"{host.name} is not reached over SSH, so there is no tunnel to it")
    try:
        return connector.transport.open_channel(
            "direct-tcpip", (address, port), ("127.0.0.1", 0), timeout=limits.TUNNEL_WITHIN
        )
    except paramiko.ChannelException as error:
        if error.code == 1:  # RFC 4254, 5.1: administratively prohibited
            raise Forbidden(
                f"sshd on {host.name} forbids TCP forwarding: set "
                "`AllowTcpForwarding yes` in its sshd_config"
            ) from error
        raise WhisklabError(f"nothing answers at {address}:{port} on {host.name}") from error
    except alive.FAILURES as error:
        raise WhisklabError(f"no tunnel to {address}:{port} on {host.name}: {error}") from error


def require_connection(host: Host) -> None:
    """Do nothing as long as there is an SSH connection to `host`.

    Raises:
        Lost: it is gone.
    """
    if isinstance(host.connector, WhiskSSH):
        _ = host.connector.transport


def _as_socket(channel: paramiko.Channel) -> socket.socket:
    # A channel cannot be wrapped by TLS itself, a socket can: pump between the two.
    ours, theirs = socket.socketpair()
    join(ours, channel)
    return theirs


def join(ours: socket.socket, channel: paramiko.Channel) -> list[gevent.Greenlet[..., None]]:
    """Pump between a socket and a channel, both ways, and close both at the end.

    Returns:
        What pumps; each is ready when its direction has ended.
    """
    return [gevent.spawn(_pump_up, ours, channel), gevent.spawn(_pump_down, ours, channel)]


def _pump_up(ours: socket.socket, channel: paramiko.Channel) -> None:
    try:
        while data := ours.recv(CHUNK):
            channel.sendall(data)
        channel.shutdown_write()
    except (OSError, EOFError):
        channel.close()


def _pump_down(ours: socket.socket, channel: paramiko.Channel) -> None:
    try:
        while data := channel.recv(CHUNK):
            ours.sendall(data)
    except OSError:
        channel.close()
    finally:
        ours.close()
        channel.close()
