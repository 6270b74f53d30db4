"""Apache OpenWhisk."""

from deploys.openwhisk.deploy import (
    adopt,
    api_host,
    check,
    fetch,
    forwards,
    open_ports,
    openwhisk,
    release_names,
    served,
)
from deploys.openwhisk.keys import keys_of
from deploys.openwhisk.needs import needs
from deploys.openwhisk.pods import ACTION_PODS
from deploys.openwhisk.render import Site
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.status import status
from deploys.openwhisk.verify import verify
from whisklab.engine.run.declared import Capability, Step, on_leader

__all__ = [
    "ACTION_PODS",
    "CAPABILITY",
    "Site",
    "api_host",
    "check",
    "fetch",
    "keys_of",
    "openwhisk",
    "release_names",
    "served",
]

CAPABILITY = Capability(
    settings=[OpenWhiskSettings],
    open_ports=open_ports,
    forwards=forwards,
    status=on_leader(status),
    checks=[Step("functions were tried", on_leader(verify))],
    adopt=on_leader(adopt),
    needs=needs,
)
