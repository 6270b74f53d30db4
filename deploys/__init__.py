"""One package per capability, all of the same shape (docs/architecture.md).

A new one is its folder, whose `CAPABILITY` declares it, a line here and its place in deploy.py.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whisklab.engine.declared import Capability
    from whisklab.engine.settings import Settings

PACKAGES = (
    "preflight",
    "base",
    "authority",
    "nfs",
    "fileserver",
    "registry",
    "k3s",
    "helm",
    "labels",
    "provisioner",
    "wsk",
    "openwhisk",
    "releases",
)


def declared() -> list[Capability]:
    """Return the capabilities in their order; they are imported here, not with this package."""
    return [import_module(f"{__name__}.{name}").CAPABILITY for name in PACKAGES]


def models() -> list[type[Settings]]:
    """Return the models of all data: of each machine, of the capabilities, of the engine."""
    from whisklab.engine.certificates import CertificateSettings  # noqa: PLC0415
    from whisklab.engine.drift.settings import DriftSettings  # noqa: PLC0415
    from whisklab.engine.forwards import ForwardSettings  # noqa: PLC0415
    from whisklab.engine.machine import Machine  # noqa: PLC0415

    ours = [model for each in declared() for model in each.settings]
    return [Machine, *ours, DriftSettings, ForwardSettings, CertificateSettings]
