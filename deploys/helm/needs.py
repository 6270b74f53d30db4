"""What the Helm CLI needs from outside: itself."""

from __future__ import annotations

from deploys.helm.settings import HelmSettings
from whisklab.engine.needs.needed import Needs, Part, Scope


def needs(scope: Scope) -> Needs:
    """Return the program of each server; the leader's also renders charts on the laptop."""
    parts = [
        Part(scope.catalogue(each), "helm", HelmSettings.of(each).version, "helm",
             scope.architectures)
        for each in scope.inventory.get_group("masters")
    ]  # fmt: skip
    return Needs(parts=parts, helm=parts[0])
