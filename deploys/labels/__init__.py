"""Node labels and taints."""

from deploys.labels.deploy import labels, values

__all__ = ["labels", "values"]
