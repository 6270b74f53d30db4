"""The user's own charts, deployed as the platform's are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pyinfra import host
from pyinfra.api.host import Host

from deploys.releases.settings import ReleaseSettings, UserRelease
from whisklab.engine import helm
from whisklab.engine.artifacts.catalogue import Catalogue, opened
from whisklab.engine.data.machine import Machine
from whisklab.engine.helm import values
from whisklab.engine.helm.charts import Chart
from whisklab.engine.helm.overlay import Overlay, filled
from whisklab.engine.kubernetes.kube import Endpoint
from whisklab.engine.registries import registry
from whisklab.engine.run.capability import capability, selected
from whisklab.errors import BadInput


def release_names(leader: Host) -> list[str]:
    """Return the releases that this run has."""
    if not selected("releases"):
        return []
    return [name for name, each in ReleaseSettings.of(leader).releases.items() if each.present]


def wanted(leader: Host) -> Iterator[helm.Release]:
    """Yield the releases that the data name, those that are to go too.

    Args:
        leader: the first server; it need not be connected.

    Raises:
        BadInput: a chart or a values file is not there or cannot be read.
    """
    machine = Machine.of(leader)
    catalogue = opened(machine.catalogue, machine.mirror)
    for name, each in ReleaseSettings.of(leader).releases.items():
        try:
            yield _release(name, each, catalogue)
        except BadInput as error:
            raise BadInput(f"releases[{name}]: {error}") from error


def _release(name: str, given: UserRelease, catalogue: Catalogue) -> helm.Release:
    laid = values.merged(values.read(map(Path, given.values_files)), given.values)
    chart = helm.chart(given.chart, given.version, catalogue) if given.chart else None
    if given.variables is not None:
        names = {"RELEASE": name, "NAMESPACE": given.namespace, **given.variables}
        laid = values.filled_in(laid, names, "values")
        chart = _filled(chart, given.filled_files, names) if chart else None
    values.text(laid)
    return helm.Release(
        name=name,
        chart=chart,
        namespace=given.namespace,
        values=laid,
        wait=given.wait,
        timeout=given.timeout,
        present=given.present,
        keep_claims=given.keep_claims,
    )


def _filled(chart: Chart, files: Iterable[str], names: Mapping[str, str]) -> Chart:
    """Return a chart with `${NAME}` filled in in some files of its directory."""
    found: dict[str, bytes] = {}
    for each in files:
        path = PurePosixPath(each)
        if (
            chart.path is None
            or not chart.path.is_dir()
            or path.is_absolute()
            or ".." in path.parts
        ):
            raise BadInput(f"filled_files: {each}: expected a file of a chart that is a directory")
        try:
            text = (chart.path / path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"filled_files: {each}: cannot be read as text: {error}") from error
        found[str(path)] = filled(text, names, each).encode()
    return chart.changed(Overlay(files=found))


@capability("releases", "fetch")
def fetch(api: Endpoint) -> None:
    """On the leader: have the charts on the laptop before any host is changed.

    Args:
        api: of this server.

    Raises:
        BadInput: a chart or a values file is not there or cannot be read.
    """
    for each in wanted(host):
        helm.chart_fetched(name=f"Chart of {each.name} in the cache", release=each, api=api)


@capability("releases")
def releases(api: Endpoint) -> None:
    """On the leader: have the releases that the data name.

    Args:
        api: of this server.
    """
    never_pulls = registry.nobody_is_asked(host)
    for each in wanted(host):
        release = replace(each, never_pulls=never_pulls)
        helm.released(name=f"Release {each.name}", release=release, api=api)
