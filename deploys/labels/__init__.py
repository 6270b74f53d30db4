"""Node labels and taints."""

from deploys.labels.deploy import labels, values
from deploys.labels.settings import NodeSettings
from whisklab.engine.run.declared import Capability

__all__ = ["CAPABILITY", "labels", "values"]

CAPABILITY = Capability(settings=[NodeSettings])
