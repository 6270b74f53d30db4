"""Packages, kernel settings, host names and hosts entries."""

from deploys.base.deploy import base

__all__ = ["base"]
