"""What one capability is told of others, composed here for every story: none imports another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deploys import fileserver, openwhisk, provisioner, releases
from whisklab.engine.helm import OF_RELEASE
from whisklab.engine.run.declared import Platform


def openwhisk_site(platform: Platform) -> openwhisk.Site:
    """Return what OpenWhisk needs to know of the platform below it."""
    return openwhisk.Site(
        single_node=len(platform.nodes) == 1,
        storage_class=provisioner.storage_class(platform.leader),
        files_url=fileserver.url(),
        domain=platform.domain,
    )


def replaced(platform: Platform) -> Callable[[Mapping[str, Any]], bool]:
    """Return what tells of a pod without a controller whether it is started again all the same.

    OpenWhisk's invoker starts those of functions; this run has its releases after the nodes, and
    so the pods that their charts name.
    """
    ours = {
        *openwhisk.release_names(platform.leader),
        *provisioner.release_names(platform.leader),
        *releases.release_names(platform.leader),
    }

    def is_replaced(pod: Mapping[str, Any]) -> bool:
        data = pod["metadata"]
        if openwhisk.ACTION_PODS in (data.get("labels") or {}):
            return True
        return (data.get("annotations") or {}).get(OF_RELEASE) in ours

    return is_replaced
