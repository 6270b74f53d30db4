"""What every machine needs from outside: its packages."""

from __future__ import annotations

from deploys.base.settings import BaseSettings
from whisklab.engine.needs.needed import Needs, Packages, Scope


def needs(scope: Scope) -> Needs:
    """Return the packages of all machines."""
    wanted = Packages.of(
        scope.inventory, lambda each: BaseSettings.of(each).packages, "base_packages"
    )
    return Needs(packages=[wanted])
