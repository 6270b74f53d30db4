"""The environment's certificate authority, which nodes trust."""

from deploys.authority.deploy import adopt, install
from whisklab.engine.run.declared import Capability, on_leader

__all__ = ["CAPABILITY", "install"]

CAPABILITY = Capability(adopt=on_leader(adopt))
