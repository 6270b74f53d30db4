"""Volumes on NFS: the release `openwhisk-nfs`, and which storage class is the default."""

from __future__ import annotations

from pyinfra import host, inventory, state
from pyinfra.api.host import Host

from deploys.provisioner import bound, health, operations, render
from deploys.provisioner.facts import Archived
from deploys.provisioner.settings import ProvisionerSettings
from whisklab.engine import helm
from whisklab.engine.artifacts.catalogue import opened
from whisklab.engine.data.machine import Machine
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.registries import registry
from whisklab.engine.resources.possible import possible
from whisklab.engine.run.capability import capability, selected
from whisklab.engine.run.declared import Platform, Storage


def release_names(leader: Host) -> list[str]:
    """Return the release that this run has, if it has one."""
    has = ProvisionerSettings.of(leader).enabled and selected("provisioner")
    return [render.RELEASE] if has else []


def _release(storage: Storage) -> helm.Release | None:
    """Return the release; None where there is no NFS server to use."""
    settings, machine = ProvisionerSettings.of(host), Machine.of(host)
    if not settings.enabled:
        return helm.Release(
            render.RELEASE, None, settings.namespace, present=False, keep_claims=False
        )
    server, path = _source(storage)
    if not server or not path:
        return None
    catalogue = opened(machine.catalogue, machine.mirror)
    return helm.Release(
        name=render.RELEASE,
        chart=helm.chart(render.PRODUCT, settings.version, catalogue),
        namespace=settings.namespace,
        values=render.values(settings, server, path),
        timeout=settings.timeout,
        keep_claims=False,  # with mount options it has one: of the whole export, which stays
        never_pulls=registry.nobody_is_asked(host),
    )


def _source(storage: Storage) -> tuple[str | None, str | None]:
    """Return address and path of the export in use; the data may say another than our own."""
    settings = ProvisionerSettings.of(host)
    return settings.server or storage.address, settings.path or storage.path


def storage_class(leader: Host) -> str:
    """Return the name of its storage class.

    Args:
        leader: the first server.
    """
    return ProvisionerSettings.of(leader).storage_class


def archived(namespace: str, *, storage: Storage) -> list[str]:
    """Return `host:directory` of each directory with the data of deleted claims of a namespace.

    Args:
        namespace: of the claims.
        storage: where volumes lie, unless the leader's data say another place.
    """
    server, path = _source(storage)
    active = state.inventory.get_active_hosts()
    return [
        f"{each.name}:{directory}"
        for each in inventory
        if each in active and path and Machine.of(each).node_address == server
        for directory in each.get_fact(Archived, path=path, namespace=namespace)
    ]


def _moved(platform: Platform) -> list[str]:
    settings = ProvisionerSettings.of(host)
    server, path = _source(platform.storage)
    if not settings.enabled or not server or not path:
        return []
    try:
        volumes = Client(host, platform.api).items(bound.VOLUMES)
    except kube.Unreachable:
        return []  # a cluster that begins, or has no volumes that could be seen
    return bound.elsewhere(volumes, settings.storage_class, server, path)


@capability("provisioner", "fetch")
def fetch(platform: Platform) -> None:
    """On the leader: have the chart on the laptop before any host is changed.

    Without an NFS server, of the platform or in the data, there is nothing to do.

    Raises:
        BadInput: there is no such chart.
    """
    if release := _release(platform.storage):
        possible(name="Volumes stay where they are", refusals=_moved(platform))
        helm.chart_fetched(
            name="Chart of the provisioner in the cache", release=release, api=platform.api
        )


@capability("provisioner")
def provisioner(platform: Platform) -> None:
    """On the leader: have the storage class, and volumes that have their data."""
    settings, api = ProvisionerSettings.of(host), platform.api
    if release := _release(platform.storage):
        helm.released(name=f"Release {render.RELEASE}", release=release, api=api)
        operations.default_class(
            name="Default storage class",
            ours=settings.storage_class,
            api=api,
            wanted=settings.enabled and settings.default_class,
        )
        health.told(
            name="Volumes have their data",
            api=api,
            storage_class=settings.storage_class,
            nodes=platform.nodes,
        )
