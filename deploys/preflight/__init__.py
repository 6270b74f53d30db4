"""What must be true of the machines before anything is changed."""

from deploys.preflight.deploy import preflight, remember
from deploys.preflight.settings import PreflightSettings
from whisklab.engine.run.declared import Capability

__all__ = ["CAPABILITY", "preflight", "remember"]

CAPABILITY = Capability(settings=[PreflightSettings])
