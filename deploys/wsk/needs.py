"""What wsk needs from outside: itself."""

from __future__ import annotations

from deploys.wsk.settings import WskSettings
from whisklab.engine.needs.needed import Needs, Part, Scope


def needs(scope: Scope) -> Needs:
    """Return the program of each server."""
    return Needs(
        parts=[
            Part(scope.catalogue(each), "wsk", WskSettings.of(each).version, "wsk",
                 scope.architectures)
            for each in scope.inventory.get_group("masters")
        ]
    )  # fmt: skip
