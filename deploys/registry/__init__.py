"""A private registry, on the first machine of the group registry."""

from deploys.registry.deploy import (
    adopt,
    certificates,
    check,
    fetch,
    forwards,
    install,
    open_ports,
    ports,
    renew,
)
from deploys.registry.needs import needs
from deploys.registry.status import status
from deploys.registry.verify import verify
from whisklab.engine.registries.registry import RegistrySettings
from whisklab.engine.run.declared import Capability, Step

__all__ = ["CAPABILITY", "check", "fetch", "install"]

CAPABILITY = Capability(
    settings=[RegistrySettings],
    ports=ports,
    open_ports=open_ports,
    forwards=forwards,
    status=status,
    checks=[Step("each node has asked the registry", verify)],
    adopt=adopt,
    certificates=certificates,
    renew=renew,
    needs=needs,
)
