"""Apache OpenWhisk."""

from deploys.openwhisk.deploy import adopt, api_host, check, fetch, open_ports, openwhisk, served
from deploys.openwhisk.keys import keys_of
from deploys.openwhisk.render import Site
from deploys.openwhisk.status import status
from deploys.openwhisk.verify import verify
from deploys.openwhisk.waiting import ACTION_PODS

__all__ = [
    "ACTION_PODS",
    "Site",
    "adopt",
    "api_host",
    "check",
    "fetch",
    "keys_of",
    "open_ports",
    "openwhisk",
    "served",
    "status",
    "verify",
]
