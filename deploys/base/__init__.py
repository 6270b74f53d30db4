"""Packages, kernel settings, host names and hosts entries."""

from deploys.base.deploy import base, fetch
from deploys.base.needs import needs
from deploys.base.settings import BaseSettings
from whisklab.engine.run.declared import Capability

__all__ = ["CAPABILITY", "base", "fetch"]

CAPABILITY = Capability(settings=[BaseSettings], needs=needs)
