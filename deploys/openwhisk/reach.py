"""Reaching OpenWhisk's API from the laptop, through the SSH connection of the first server."""

from __future__ import annotations

import base64
import ipaddress

from pyinfra.api.host import Host

from deploys.openwhisk.answers import NOT_FOUND, NotReady
from deploys.openwhisk.api import OpenWhisk
from deploys.openwhisk.keys import keys_of
from deploys.openwhisk.keys import source as source_of
from deploys.openwhisk.pace import Pace
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine import http, kube
from whisklab.engine.environment import current
from whisklab.engine.machine import Machine


def connect(
    leader: Host, api: kube.Endpoint, key: str | None = None, source: str = ""
) -> OpenWhisk:
    """Return the API for the guests, or for another key.

    The certificate of the API is for no address, so it is read through the Kubernetes API, and no
    other one is accepted.

    Args:
        leader: the first server, connected.
        api: of this server.
        key: None for the guests'.
        source: where that key comes from, for sentences.

    Raises:
        NotReady: OpenWhisk has no certificate yet.
        WhisklabError: the Kubernetes API cannot be asked.
    """
    settings = OpenWhiskSettings.of(leader)
    address = Machine.of(leader).node_address
    options = http.trusting_only(_certificate(leader, api, settings))
    server = http.Server(
        name=f"OpenWhisk's API at {address}, port {settings.api_port},",
        url=f"https://{_in_url(address)}:{settings.api_port}",
        pool=http.tunnelled(leader, address, settings.api_port, **options),
        host=leader,
    )
    if key is None:
        key = keys_of(leader, api).guest
        source = source_of(settings, current().store, "guest")
    return OpenWhisk(server, key, source, Pace(settings.invocations_per_minute))


def _certificate(leader: Host, api: kube.Endpoint, settings: OpenWhiskSettings) -> str:
    """Return what nginx mounts: with a certificate of one's own the chart makes no Secret."""
    given = settings.certificate is not None
    kind, name, maker = (
        ("ConfigMap", f"{settings.release}-gen-certs", "it holds openwhisk_certificate")
        if given
        else ("Secret", f"{settings.release}-nginx", "its Job gen-certs makes it")
    )
    path = f"/api/v1/namespaces/{settings.namespace}/{kind.lower()}s/{name}"
    try:
        data = kube.request(leader, api, "GET", path).get("data") or {}
    except kube.Refused as error:
        if error.status != NOT_FOUND:
            raise
        data = {}
    if "tls.crt" not in data:
        raise NotReady(
            f"OpenWhisk has no certificate: the {kind} {name} is not in the namespace "
            f"{settings.namespace}: deploy it, {maker}"
        )
    found = str(data["tls.crt"])
    return found if given else base64.b64decode(found).decode()


def _in_url(address: str) -> str:
    return f"[{address}]" if ipaddress.ip_address(address).version == 6 else address  # noqa: PLR2004
