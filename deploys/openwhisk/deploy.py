"""OpenWhisk: its release, and waiting until functions can be invoked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pyinfra import host, logger
from pyinfra.api.host import Host

from deploys.openwhisk import certificate, fits, operations, render
from deploys.openwhisk.keys import installed, keys_of, refusals, running
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine import helm, runs
from whisklab.engine.artifacts.catalogue import Catalogue, opened
from whisklab.engine.artifacts.entries import ANY, Artifact
from whisklab.engine.data.machine import Machine
from whisklab.engine.helm.records import Cluster
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.kube import Endpoint
from whisklab.engine.progress import tell
from whisklab.engine.registries import registry
from whisklab.engine.resources.possible import possible
from whisklab.engine.run.capability import capability, selected
from whisklab.engine.run.declared import Platform
from whisklab.engine.run.environment import current
from whisklab.engine.ssh.forwards import Forward
from whisklab.engine.urls import bracketed
from whisklab.errors import BadInput

HINTS = {
    "policy/v1beta1": "this Kubernetes has no PodDisruptionBudget of policy/v1beta1 any more: "
    "leave pdb.enable false in openwhisk_values",
    "provided port is already allocated": "the port is taken: choose another openwhisk_api_port",
}
DIRECTORY = "openwhisk"  # on the file server


def api_host(leader: Host) -> str:
    """Return `host:port` of the API, as its users reach it.

    Args:
        leader: the first server.
    """
    return f"{bracketed(_api_name(leader))}:{OpenWhiskSettings.of(leader).api_port}"


def open_ports(platform: Platform) -> dict[str, str]:
    """Return what a firewall of this host must let in for it, and what for."""
    settings = OpenWhiskSettings.of(platform.leader)
    if not settings.enabled or not platform.has(host):
        return {}
    return {f"{settings.api_port}/tcp": "OpenWhisk's API"}


def forwards(master: Host) -> list[Forward]:
    """Return its API, if there is one; a port of all nodes, not of their loopback interfaces."""
    settings = OpenWhiskSettings.of(master)
    if not settings.enabled:
        return []
    return [Forward("openwhisk", Machine.of(master).node_address, settings.api_port)]


def _api_name(leader: Host) -> str:
    return OpenWhiskSettings.of(leader).api_host or Machine.of(leader).node_address


def release_names(leader: Host) -> list[str]:
    """Return the release that this run has, if it has one."""
    settings = OpenWhiskSettings.of(leader)
    return [settings.release] if settings.enabled and selected("openwhisk") else []


def served(leader: Host) -> dict[str, Artifact]:
    """Return what the file server must have for the chart's jobs: name below its URL to artifact.

    Args:
        leader: the first server.
    """
    settings = OpenWhiskSettings.of(leader)
    if not (settings.enabled and settings.offline and settings.sources_url is None):
        return {}
    catalogue = _catalogue(leader)
    return {
        f"{DIRECTORY}/{name}": catalogue.artifact(render.PRODUCT, settings.version, artifact, ANY)
        for name, artifact in render.sources().items()
    }


def _catalogue(leader: Host) -> Catalogue:
    machine = Machine.of(leader)
    return opened(machine.catalogue, machine.mirror)


def check(leader: Host, roles: Mapping[str, str | None], files_url: str | None) -> None:
    """Check what concerns several hosts at once.

    Args:
        leader: the first server.
        roles: node to its label openwhisk-role in the data.
        files_url: of the file server, None for none.

    Raises:
        BadInput: no node may run an invoker, or for a closed network there is no file server or
            no cache of npm.
    """
    settings = OpenWhiskSettings.of(leader)
    if not settings.enabled:
        return
    if settings.offline and settings.metrics:
        raise BadInput(
            "openwhisk_metrics: Grafana's pod downloads its dashboards when it starts, which a "
            "network without a way out (openwhisk_offline) does not let it"
        )
    invokers = [name for name, role in roles.items() if role == "invoker"]
    if len(roles) > 1 and len(invokers) < settings.invokers:
        raise BadInput(
            f"openwhisk_invokers is {settings.invokers}, and {len(invokers)} of the nodes "
            f"{', '.join(roles)} have the label openwhisk-role=invoker: each invoker needs a node "
            "of its own, see node_labels in group_data/workers.py"
        )
    if settings.offline and settings.sources_url is None and files_url is None:
        raise BadInput(
            "openwhisk_offline: nothing serves what the chart's jobs need: put a host into the "
            "group registry, or name openwhisk_sources_url"
        )
    if settings.offline and settings.sources_url is None:
        check_npm_cache(_catalogue(leader), settings.version)


def check_npm_cache(catalogue: Catalogue, version: str | None) -> None:
    """Check that an off-line cluster can be given what npm would download.

    Args:
        catalogue: in use.
        version: of the chart, None for the default.

    Raises:
        BadInput: the catalogue has no cache of npm.
    """
    if not catalogue.has(render.PRODUCT, version, render.NPM_CACHE, ANY):
        raise BadInput(
            f"openwhisk_offline: {catalogue.path} has no {render.NPM_CACHE} of {render.PRODUCT}, "
            "and the Job install-packages runs `npm install`: fill a directory by its installs "
            "once where there is a network (npm_config_cache), pack it as a tar.gz, enter that "
            "and run `whisklab lock`; or say False where the cluster has a way out"
        )


class _Read(dict[str, bytes]):
    """The user's files that a run has read, by path."""


def _read(path: str) -> bytes:
    known = runs.current().part(_Read)
    try:
        if path not in known:
            known[path] = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise BadInput(f"openwhisk_chart_files: {path} cannot be read: {error.strerror}") from error
    return known[path]


def chart_files(settings: OpenWhiskSettings) -> dict[str, bytes]:
    """Return the user's own files of the chart, by their path in it.

    Raises:
        BadInput: one cannot be read.
    """
    return {name: _read(path) for name, path in settings.chart_files.items()}


def _given(settings: OpenWhiskSettings, api: Endpoint) -> render.Given:
    return render.Given(certificate.pair(host, api), chart_files(settings))


def _place(site: render.Site) -> render.Place:
    settings = OpenWhiskSettings.of(host)
    ours = f"{site.files_url}/{DIRECTORY}" if site.files_url else None
    sources = settings.sources_url or (ours if settings.offline else None)
    return render.Place(
        api_name=bracketed(_api_name(host)),
        domain=site.domain,
        storage_class=settings.storage_class or site.storage_class,
        single_node=site.single_node,
        sources=sources.rstrip("/") if sources else None,
    )


def _release(place: render.Place, api: Endpoint) -> helm.Release:
    settings = OpenWhiskSettings.of(host)
    if not settings.enabled:
        return helm.Release(settings.release, None, settings.namespace, present=False)
    chart = helm.chart(render.PRODUCT, settings.version, _catalogue(host))
    return helm.Release(
        name=settings.release,
        chart=chart.changed(render.overlay(settings, place, _given(settings, api))),
        namespace=settings.namespace,
        values=render.values(settings, keys_of(host, api), place),
        wait=False,  # its stages are waited for, which can say more
        timeout=settings.timeout,
        hints=HINTS,
        never_pulls=registry.nobody_is_asked(host),
    )


def _other_keys(api: Endpoint) -> list[str]:
    settings = OpenWhiskSettings.of(host)
    try:
        found, wanted = running(host, api, settings), keys_of(host, api)
        if found is not None and found != wanted:
            found = installed(host, api, settings) or found
    except kube.Unreachable:
        return []  # a server that does not run yet; what can be known then, its release tells
    return refusals(settings, current().store, wanted, found)


def _begins(release: helm.Release, api: Endpoint, earlier: Callable[[str], list[str]]) -> None:
    """Refuse a second OpenWhisk where one runs; tell of the data that an earlier one has left."""
    settings, refusals = OpenWhiskSettings.of(host), []
    try:
        cluster = Cluster(host, api)
        if cluster.latest(release) is None:
            services = cluster.items("/api/v1/services")
            refusals = fits.port(settings, services)
            if not refusals and (left := earlier(settings.namespace)):
                tell(f"{host.name}: {render.empty(left)}")
    except kube.Unreachable:
        pass  # a cluster that begins has neither
    possible(name="OpenWhisk stays where it is", refusals=refusals)


def adopt(platform: Platform) -> None:
    """On the leader: take over keys and certificate of the running OpenWhisk, if there is one.

    Raises:
        WhisklabError: the cluster does not answer.
    """
    settings = OpenWhiskSettings.of(host)
    if settings.enabled and running(host, platform.api, settings) is not None:
        keys_of(host, platform.api)
        certificate.pair(host, platform.api)


@capability("openwhisk", "fetch")
def fetch(site: render.Site, api: Endpoint, earlier: Callable[[str], list[str]]) -> None:
    """On the leader: have the chart on the laptop before any host is changed.

    Args:
        site: what the rest of the platform tells.
        api: of this server.
        earlier: returns where the data of deleted claims of a namespace are.

    Raises:
        BadInput: there is no such chart, or a file of the user's cannot be read.
    """
    release, settings = _release(_place(site), api), OpenWhiskSettings.of(host)
    if settings.enabled:
        possible(name="OpenWhisk keeps its keys", refusals=_other_keys(api))
        _begins(release, api, earlier)
    helm.chart_fetched(name="Chart of OpenWhisk in the cache", release=release, api=api)


@capability("openwhisk")
def openwhisk(site: render.Site, api: Endpoint) -> None:
    """On the leader: have OpenWhisk installed and ready.

    Args:
        site: what the rest of the platform tells.
        api: of this server.
    """
    settings, place = OpenWhiskSettings.of(host), _place(site)
    release = _release(place, api)
    if not settings.enabled:
        helm.released(name=f"Release {release.name}", release=release, api=api)
        return
    logger.info("%sOpenWhisk: %s", host.print_prefix, render.capacity(settings))
    operations.fit(
        name="The cluster can take OpenWhisk",
        release=release,
        settings=settings,
        place=place,
        api=api,
    )
    helm.released(name=f"Release {release.name}", release=release, api=api)
    operations.ready(name="Functions can be invoked", settings=settings, api=api)
