"""What must be true of the machines before anything is changed."""

from deploys.preflight.deploy import preflight

__all__ = ["preflight"]
