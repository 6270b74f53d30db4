"""The OpenWhisk CLI."""

from deploys.wsk.deploy import fetch, install

__all__ = ["fetch", "install"]
