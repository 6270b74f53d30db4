"""The OpenWhisk CLI."""

from deploys.wsk.deploy import fetch, install
from deploys.wsk.settings import WskSettings
from whisklab.engine.declared import Capability

__all__ = ["CAPABILITY", "fetch", "install"]

CAPABILITY = Capability(settings=[WskSettings])
