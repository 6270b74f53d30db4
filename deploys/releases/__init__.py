"""Charts of the user's own."""

from deploys.releases.deploy import fetch, releases
from deploys.releases.settings import ReleaseSettings
from whisklab.engine.declared import Capability

__all__ = ["CAPABILITY", "fetch", "releases"]

CAPABILITY = Capability(settings=[ReleaseSettings])
