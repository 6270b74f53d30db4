"""One package per capability, all of the same shape (docs/architecture.md).

A new one is its folder, whose `CAPABILITY` declares it, a line here and its place in deploy.py.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from whisklab.engine.loading import loading

if TYPE_CHECKING:
    from whisklab.engine.data.settings import Settings
    from whisklab.engine.run.declared import Capability

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
ALWAYS = ("preflight",)  # in each run; `--only` neither names nor leaves it out


def selectable() -> list[str]:
    """Return what `--only` may name."""
    return [name for name in PACKAGES if name not in ALWAYS]


def declared() -> list[Capability]:
    """Return the capabilities in their order; they are imported here, not with this package."""
    return [import_module(f"{__name__}.{name}").CAPABILITY for name in PACKAGES]


def models() -> list[type[Settings]]:
    """Return the models of all data: of each machine, of the capabilities, of the engine."""
    with loading():
        from whisklab.engine.data.machine import Machine  # noqa: PLC0415
        from whisklab.engine.drift.settings import DriftSettings  # noqa: PLC0415
        from whisklab.engine.needs.settings import BundleSettings  # noqa: PLC0415
        from whisklab.engine.ssh.forwards import ForwardSettings  # noqa: PLC0415
        from whisklab.engine.tls.certificates import CertificateSettings  # noqa: PLC0415

        ours = [model for each in declared() for model in each.settings]
        return [Machine, *ours, DriftSettings, ForwardSettings, CertificateSettings, BundleSettings]
