"""What usually helps against what is told of a stage that blocks. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

IMAGES = (
    "each node must be able to pull the image: see openwhisk_image_prefix and k3s_registries; "
    "where offline = True the registry must have it, as `whisklab bundle upload` brings it"
)
PLACES = "a node must have the labels, the memory and the room that the pod asks for"
LOGS = "its log above says more, the older lines are in `kubectl logs`"
# What the lines say when an image is the trouble, a place, or a port; stages have hints of their
# own for these.
IMAGE = r"ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName"
PLACE = r"(not scheduled|FailedScheduling|no node will take it)(?!.*unbound immediate)"
PORT = r"(?i)address already in use|port is already allocated"
UNBOUND = "unbound immediate PersistentVolumeClaims"  # the scheduler's words
_BIND = (
    "its claims are not bound: look at the provisioner's pod and at the storage host "
    "(whisklab verify)"
)
_MEMORY = (
    "it has less memory than it needs: take larger nodes, or smaller heaps "
    "(openwhisk_controller_heap_mb, openwhisk_invoker_heap_mb)"
)
DISK = "a file system is full: look at the storage host's export and at the node's disk"
_WAY_OUT = (
    "it fetches from GitHub or npm; a cluster without a way out needs openwhisk_offline = True"
)
_SLOW = (
    "on a slow line images need longer than openwhisk_timeout; what cannot be mounted is named by "
    "an event above"
)
FULL = r"(?i)no space left on device"
_HINTS = (
    (IMAGE, IMAGES),
    (PLACE, PLACES),
    (UNBOUND, _BIND),
    (r"OOMKilled|OutOfMemoryError|(?i:cannot allocate memory)", _MEMORY),
    (FULL, DISK),
    (
        r"(?i)could not resolve host|unable to access 'https?:|failed to connect to \S+ port",
        _WAY_OUT,
    ),
    (r"ContainerCreating|PodInitializing", _SLOW),
)


def hints(lines: Sequence[str], own: str = "", on: str = "") -> list[str]:
    """Return what usually helps, by the causes that lines tell; none where they tell nothing.

    Args:
        lines: on pods, their events and logs.
        own: what helps this stage.
        on: what a line must match for that; "" for nothing.
    """
    text = "\n".join(lines)
    found = [own] if own and re.search(on, text) else []
    found += [hint for pattern, hint in _HINTS if re.search(pattern, text)]
    if DISK in found:  # an image that finds no room can be pulled well
        found = [each for each in found if each != IMAGES]
    return found or ([LOGS] if "\nlog of " in text else [])
