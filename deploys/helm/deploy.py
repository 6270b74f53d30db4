"""The Helm CLI on the servers, from the catalogue."""

from __future__ import annotations

from pyinfra import host

from deploys.helm.settings import HelmSettings
from whisklab.engine import artifacts, room
from whisklab.engine.capability import capability
from whisklab.engine.catalogue import opened
from whisklab.engine.entries import Artifact
from whisklab.engine.machine import Machine, architecture

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
    artifacts.fetched(name="Helm in the cache", artifact=_program(), path=BINARY)


@capability("helm", "files")
def install() -> None:
    """Have it in /usr/local/bin."""
    artifacts.pushed(name="Helm", artifact=_program(), path=BINARY)
