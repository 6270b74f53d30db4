"""Node labels and taints."""

from deploys.labels.deploy import labels, values
from deploys.labels.settings import NodeSettings
from whisklab.engine.declared import Capability

__all__ = ["CAPABILITY", "labels", "values"]

CAPABILITY = Capability(settings=[NodeSettings])
