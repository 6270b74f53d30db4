"""What `provisioner` reads from the data."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from whisklab.engine.data.names import Name
from whisklab.engine.data.settings import Settings


class ProvisionerSettings(Settings):
    """Volumes on NFS: the release openwhisk-nfs.

    Attributes:
        enabled: False uninstalls it; claims and data stay.
        version: of the chart; None takes the catalogue's default.
        image: of the provisioner, with its tag.
        namespace: of the release.
        server: address of the NFS server; None: the first host of the group storage.
        path: what it exports; None: the first export of that host.
        mount_options: of the volumes, such as ["nfsvers=4.1", "hard"].
        storage_class: whose claims become directories of the export.
        default_class: claims that name no class get this one; any other class, such as k3s's
            local-path, stops being the default.
        reclaim_policy: "Delete" or "Retain" the volume of a deleted claim; volumes that exist keep
            the policy they were made with.
        archive_on_delete: with Delete, rename the directory to archived-... instead of removing it.
        values: further values of the chart.
        timeout: seconds until it must be ready.
    """

    prefix: ClassVar[str] = "provisioner_"

    enabled: bool = True
    version: str | None = None
    image: Annotated[str, Field(pattern=r"^.+:[^/:]+$")] = (
        "registry.k8s.io/sig-storage/nfs-subdir-external-provisioner:v4.0.2"
    )
    namespace: Name = "nfs-provisioner"
    server: str | None = None
    path: str | None = None
    mount_options: list[str] = []
    storage_class: Name = "nfs-client"
    default_class: bool = False
    reclaim_policy: Literal["Delete", "Retain"] = "Delete"
    archive_on_delete: bool = True
    values: Annotated[dict[str, Any], Field(repr=False)] = {}
    timeout: Annotated[int, Field(ge=1)] = 300
