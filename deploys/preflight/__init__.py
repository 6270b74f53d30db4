"""What must be true of the machines before anything is changed."""

from deploys.preflight.deploy import preflight, remember

__all__ = ["preflight", "remember"]
