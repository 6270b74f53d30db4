"""What the file server needs from outside: its packages."""

from __future__ import annotations

from deploys.fileserver import render
from whisklab.engine.needs.needed import Needs, Packages, Scope


def needs(scope: Scope) -> Needs:
    """Return its packages, where a machine could serve: what it serves, others say."""
    servers = scope.inventory.get_group("registry", default=[])[:1]
    return Needs(packages=[Packages.of(servers, lambda _: render.PACKAGES, "fileserver")])
