"""The environment's registry and cluster, reached as everything is: through SSH connections."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.host import Host

from whisklab.engine import issuer, kube, registry
from whisklab.engine.environment import current
from whisklab.engine.http import tunnelled
from whisklab.engine.machine import Machine
from whisklab.engine.registry import RegistrySettings
from whisklab.engine.urls import bracketed
from whisklab.errors import BadInput, WhisklabError
from whisklab.images.client import Registry
from whisklab.images.login import Basic
from whisklab.images.used import LISTS

PASSWORD, AUTHORITY = "registry_push", issuer.NAMES[0]  # secrets


def connect(machine: Host) -> Registry:
    """Return the door that takes images.

    Args:
        machine: that has the registry, connected.

    Raises:
        BadInput: the laptop lacks what it needs.
        WhisklabError: the authority's certificate is damaged.
    """
    store = current().store
    password, authority = _secret(PASSWORD), _secret(AUTHORITY)
    try:
        context = ssl.create_default_context(cadata=authority)
    except (ssl.SSLError, ValueError):
        raise WhisklabError(
            f"{store.path(AUTHORITY)}: is no certificate: put it back, or take it away and "
            f"`whisklab adopt {current().name}`"
        ) from None
    address, port = Machine.of(machine).node_address, RegistrySettings.of(machine).push_port
    return Registry(
        f"https://{bracketed(address)}:{port}",
        tunnelled(machine, address, port, ssl_context=context),
        Basic(registry.PUSHER, password, str(store.path(PASSWORD))),
        str(store.path(AUTHORITY)),
    )


def _secret(name: str) -> str:
    store, environment = current().store, current().name
    found = store.read(name)
    if found is None:
        raise BadInput(
            f"{store.path(name)}: not there: deploy the registry first, or `whisklab adopt "
            f"{environment}` if it runs"
        )
    return found


def architectures(master: Host, api: kube.Endpoint) -> dict[str, str]:
    """Return the architecture of each node, by its name.

    Raises:
        WhisklabError: the Kubernetes API cannot be asked.
    """
    found = kube.request(master, api, "GET", "/api/v1/nodes")["items"]
    return {node["metadata"]["name"]: node["status"]["nodeInfo"]["architecture"] for node in found}


def objects(master: Host, api: kube.Endpoint) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Return the objects of a cluster that may use images, by kind.

    Raises:
        WhisklabError: the Kubernetes API cannot be asked.
    """
    return {kind: kube.request(master, api, "GET", path)["items"] for kind, path in LISTS.items()}
