"""What the registry needs from outside: itself."""

from __future__ import annotations

from whisklab.engine.needs.needed import Needs, Part, Scope
from whisklab.engine.registries import registry
from whisklab.engine.registries.registry import RegistrySettings

PRODUCT = "registry"


def needs(scope: Scope) -> Needs:
    """Return the program, where the environment has a registry of its own."""
    found = registry.server(scope.inventory)
    if found is None:
        return Needs()
    version = RegistrySettings.of(found).version
    part = Part(scope.catalogue(found), PRODUCT, version, PRODUCT, scope.architectures)
    return Needs(parts=[part])
