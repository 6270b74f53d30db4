"""Charts of the user's own."""

from deploys.releases.deploy import fetch, releases

__all__ = ["fetch", "releases"]
