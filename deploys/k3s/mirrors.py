"""registries.yaml, which k3s pulls images by, and the certificate it names. Pure."""

from __future__ import annotations

from typing import Any

import yaml

from deploys.k3s.render import HEADER, REGISTRY_CA
from deploys.k3s.settings import K3sSettings
from whisklab.engine.helm.values import merged
from whisklab.engine.registries.access import Access


def registries(settings: K3sSettings, access: Access | None) -> str | None:
    """Return registries.yaml, None when there is to be none.

    Args:
        settings: of the cluster; what they say goes over ours.
        access: to the environment's own registry.
    """
    ours = {} if access is None else _registry(access)
    if not ours and settings.registries is None:
        return None
    return HEADER + "\n" + yaml.safe_dump(merged(ours, settings.registries or {}), sort_keys=True)


def _registry(access: Access) -> dict[str, Any]:
    config: dict[str, Any] = {}
    if access.account:
        config["auth"] = {"username": access.account, "password": access.password}
    if access.authority is not None:
        config["tls"] = {"ca_file": REGISTRY_CA}
    # Some versions of k3s use a config only where there is a mirror of that very name
    # (https://github.com/k3s-io/k3s/issues/9839).
    own = {"endpoint": [access.url]}
    below = {"rewrite": {"^(.*)$": f"{access.below}$1"}} if access.project else {}
    return {
        "configs": {access.address: config},
        "mirrors": {access.address: own, **{name: {**own, **below} for name in access.mirrors}},
    }


def registry_ca(access: Access | None) -> str | None:
    """Return the file with the certificate that the registry is known by; None without one."""
    return f"{HEADER}\n{access.authority}" if access and access.authority is not None else None
