"""The Helm CLI on the servers, from the catalogue."""

from __future__ import annotations

from pyinfra import host

from deploys.helm.settings import HelmSettings
from whisklab.engine.artifacts.catalogue import opened
from whisklab.engine.artifacts.entries import Artifact
from whisklab.engine.data.machine import Machine, architecture
from whisklab.engine.resources import pushing, room
from whisklab.engine.run.capability import capability

BINARY = "/usr/local/bin/helm"


def _program() -> Artifact:
    """Return the Helm of this host.

    Raises:
        BadInput: the catalogue does not have it.
    """
    machine = Machine.of(host)
    catalogue = opened(machine.catalogue, machine.mirror)
    return catalogue.artifact("helm", HelmSettings.of(host).version, "helm", architecture(host))


@capability("helm", "fetch")
def fetch() -> None:
    """Have it on the laptop before any host is changed."""
    room.room(name="Room for Helm", files=[(_program(), BINARY)])
    pushing.fetched(name="Helm in the cache", artifact=_program(), path=BINARY)


@capability("helm", "files")
def install() -> None:
    """Have it in /usr/local/bin."""
    pushing.pushed(name="Helm", artifact=_program(), path=BINARY)
