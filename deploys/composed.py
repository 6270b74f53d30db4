"""What one capability is told of others, composed here for every story: none imports another."""

from __future__ import annotations

from deploys import fileserver, openwhisk, provisioner
from whisklab.engine.declared import Platform


def openwhisk_site(platform: Platform) -> openwhisk.Site:
    """Return what OpenWhisk needs to know of the platform below it."""
    return openwhisk.Site(
        single_node=len(platform.nodes) == 1,
        storage_class=provisioner.storage_class(platform.leader),
        files_url=fileserver.url(),
        domain=platform.domain,
    )
