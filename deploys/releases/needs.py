"""What the user's own releases need from outside."""

from __future__ import annotations

from deploys.releases.deploy import wanted
from whisklab.engine.needs.needed import Needs, Rendered, Scope


def needs(scope: Scope) -> Needs:
    """Return those that are to be there.

    Raises:
        BadInput: a chart or a values file is not there or cannot be read.
    """
    found = [each for each in wanted(scope.leader) if each.present]
    return Needs(rendered=[Rendered(each, scope.architectures) for each in found])
