"""What k3s needs from outside."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra.api.host import Host

from deploys.k3s import wanted
from deploys.k3s.settings import K3S, K3sSettings
from whisklab.engine.needs.needed import IMAGES, Needs, Part, Scope

AIRGAP = "airgap-images"  # its own images


def needs(scope: Scope) -> Needs:
    """Return the program and its own images, and the archives of images that the catalogue has."""
    nodes = [each for each in scope.inventory if wanted.is_node(each)]
    return Needs(
        parts=[part for each in nodes for part in _of(each, scope)],
        kubernetes=wanted.version(scope.leader).partition("+")[0],
    )


def _of(machine: Host, scope: Scope) -> Iterator[Part]:
    catalogue, version = scope.catalogue(machine), K3sSettings.of(machine).version
    for name in (K3S, AIRGAP):
        yield Part(catalogue, K3S, version, name, scope.architectures)
    for architecture in scope.architectures:
        for product in catalogue.having(IMAGES, architecture):
            yield Part(catalogue, product, None, IMAGES, (architecture,))
