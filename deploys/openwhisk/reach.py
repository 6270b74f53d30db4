"""Reaching OpenWhisk's API from the laptop, through the SSH connection of the first server."""

from __future__ import annotations

import ipaddress

from pyinfra.api.host import Host

from deploys.openwhisk.api import OpenWhisk
from deploys.openwhisk.certificate import trusted
from deploys.openwhisk.keys import keys_of
from deploys.openwhisk.keys import source as source_of
from deploys.openwhisk.pace import Pace
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine.data.machine import Machine
from whisklab.engine.kubernetes import kube
from whisklab.engine.run.environment import current
from whisklab.engine.ssh import http


def connect(
    leader: Host, api: kube.Endpoint, key: str | None = None, source: str = ""
) -> OpenWhisk:
    """Return the API for the guests, or for another key.

    Args:
        leader: the first server, connected.
        api: of this server.
        key: None for the guests'.
        source: where that key comes from, for sentences.

    Raises:
        WhisklabError: the laptop lacks secrets, and the platform that has them cannot be asked.
    """
    from whisklab.engine.ssh.pools import tunnelled  # noqa: PLC0415  loads urllib3

    settings = OpenWhiskSettings.of(leader)
    address = Machine.of(leader).node_address
    server = http.Server(
        name=f"OpenWhisk's API at {address}, port {settings.api_port},",
        url=f"https://{_in_url(address)}:{settings.api_port}",
        pool=tunnelled(leader, address, settings.api_port, **trusted(leader)),
        host=leader,
    )
    if key is None:
        key = keys_of(leader, api).guest
        source = source_of(settings, current().store, "guest")
    return OpenWhisk(server, key, source, Pace(settings.invocations_per_minute))


def _in_url(address: str) -> str:
    return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address  # noqa: PLR2004
