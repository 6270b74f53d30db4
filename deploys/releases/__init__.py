"""Charts of the user's own."""

from deploys.releases.deploy import fetch, release_names, releases
from deploys.releases.needs import needs
from deploys.releases.settings import ReleaseSettings
from whisklab.engine.run.declared import Capability

__all__ = ["CAPABILITY", "fetch", "release_names", "releases"]

CAPABILITY = Capability(settings=[ReleaseSettings], needs=needs)
