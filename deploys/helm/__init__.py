"""The Helm CLI."""

from deploys.helm.deploy import fetch, install

__all__ = ["fetch", "install"]
