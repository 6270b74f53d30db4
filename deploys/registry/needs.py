"""What the registry needs from outside: itself, and packages of its machine."""

from __future__ import annotations

from deploys.registry import render
from whisklab.engine.needs.needed import Needs, Packages, Part, Scope
from whisklab.engine.registries import registry
from whisklab.engine.registries.registry import RegistrySettings

PRODUCT = "registry"


def needs(scope: Scope) -> Needs:
    """Return the program and packages, where the environment has a registry of its own."""
    found = registry.server(scope.inventory)
    if found is None:
        return Needs()
    version = RegistrySettings.of(found).version
    part = Part(scope.catalogue(found), PRODUCT, version, PRODUCT, scope.architectures)
    packages = Packages.of([found], lambda _: render.PACKAGES, "registry")
    return Needs(parts=[part], packages=[packages])
