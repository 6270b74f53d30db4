"""What the provisioner needs from outside: its chart and its image."""

from __future__ import annotations

from deploys.provisioner import render
from deploys.provisioner.settings import ProvisionerSettings
from whisklab.engine import helm
from whisklab.engine.needs.needed import Needs, Rendered, Scope

# No image depends on them, and the laptop need not know them to build a bundle.
_SERVER, _PATH = "192.0.2.1", "/export"


def needs(scope: Scope) -> Needs:
    """Return its release."""
    settings = ProvisionerSettings.of(scope.leader)
    if not settings.enabled:
        return Needs()
    release = helm.Release(
        render.RELEASE,
        helm.chart(render.PRODUCT, settings.version, scope.catalogue(scope.leader)),
        settings.namespace,
        render.values(settings, _SERVER, _PATH),
    )
    return Needs(rendered=[Rendered(release, scope.architectures)])
