"""Node labels and taints."""

from deploys.labels.deploy import labels

__all__ = ["labels"]
