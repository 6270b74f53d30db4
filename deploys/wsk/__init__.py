"""The OpenWhisk CLI."""

from deploys.wsk.deploy import fetch, install
from deploys.wsk.needs import needs
from deploys.wsk.settings import WskSettings
from whisklab.engine.run.declared import Capability

__all__ = ["CAPABILITY", "fetch", "install"]

CAPABILITY = Capability(settings=[WskSettings], needs=needs)
