"""Packages, kernel settings, host names and hosts entries."""

from deploys.base.deploy import base
from deploys.base.settings import BaseSettings
from whisklab.engine.run.declared import Capability

__all__ = ["CAPABILITY", "base"]

CAPABILITY = Capability(settings=[BaseSettings])
