"""The environment's registry and cluster, reached as everything is: through SSH connections."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from pyinfra.api.host import Host

from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import NODES, Client
from whisklab.engine.registries.access import Access
from whisklab.engine.run.environment import current
from whisklab.engine.ssh.pools import tunnelled
from whisklab.errors import WhisklabError
from whisklab.images.client import Registry
from whisklab.images.used import LISTS


def connect(through: Host, access: Access) -> Registry:
    """Return a registry.

    Args:
        through: the machine through whose SSH connection it is reached.
        access: to it.

    Raises:
        WhisklabError: the authority's certificate is damaged.
    """
    try:
        context = ssl.create_default_context(cadata=access.authority)
    except (ssl.SSLError, ValueError):
        raise WhisklabError(
            f"{access.authority_file}: is no certificate: put it back, or take it away and "
            f"`whisklab adopt {current().name}`"
        ) from None
    return Registry(access, tunnelled(through, ssl_context=context))


def architectures(master: Host, api: kube.Endpoint) -> dict[str, str]:
    """Return the architecture of each node, by its name.

    Raises:
        WhisklabError: the Kubernetes API cannot be asked.
    """
    found = Client(master, api).items(NODES)
    return {node["metadata"]["name"]: node["status"]["nodeInfo"]["architecture"] for node in found}


def objects(master: Host, api: kube.Endpoint) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Return the objects of a cluster that may use images, by kind.

    Raises:
        WhisklabError: the Kubernetes API cannot be asked.
    """
    return {kind: Client(master, api).items(path) for kind, path in LISTS.items()}
