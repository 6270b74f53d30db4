"""Apache OpenWhisk."""

from deploys.openwhisk.deploy import (
    adopt,
    api_host,
    check,
    fetch,
    forwards,
    open_ports,
    openwhisk,
    served,
)
from deploys.openwhisk.keys import keys_of
from deploys.openwhisk.render import Site
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.status import status
from deploys.openwhisk.verify import verify
from deploys.openwhisk.waiting import ACTION_PODS
from whisklab.engine.declared import Capability, Step, on_leader

__all__ = [
    "ACTION_PODS",
    "CAPABILITY",
    "Site",
    "api_host",
    "check",
    "fetch",
    "keys_of",
    "openwhisk",
    "served",
]

CAPABILITY = Capability(
    settings=[OpenWhiskSettings],
    open_ports=open_ports,
    forwards=forwards,
    status=on_leader(status),
    checks=[Step("functions were tried", on_leader(verify))],
    adopt=on_leader(adopt),
)
