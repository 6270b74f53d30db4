"""The Helm CLI."""

from deploys.helm.deploy import fetch, install
from deploys.helm.status import status

__all__ = ["fetch", "install", "status"]
