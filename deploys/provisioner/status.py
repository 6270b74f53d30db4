"""The claims as they are now: whether their data are there."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api.host import Host

from deploys.provisioner import health
from deploys.provisioner.settings import ProvisionerSettings
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
from whisklab.engine.run.overview import Line, tell


@capability("provisioner", "status")
def status(platform: Platform) -> None:
    """On the leader: tell which claims have lost their data."""
    settings = ProvisionerSettings.of(host)
    if not settings.enabled:
        return

    def claims(leader: Host) -> list[Line]:
        found = health.broken(Client(leader, platform.api), settings.storage_class, platform.nodes)
        detail = "; ".join(found) or "directories and mounts are there"
        return [Line("storage", "claims", ok=not found, detail=detail)]

    tell(name="Claims", topic="storage", work=claims)
