"""The user's own charts, deployed as the platform's are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pyinfra import host

from deploys.releases.settings import ReleaseSettings, UserRelease
from whisklab.engine import helm
from whisklab.engine.capability import capability
from whisklab.engine.catalogue import Catalogue, opened
from whisklab.engine.helm import values
from whisklab.engine.kube import Endpoint
from whisklab.engine.machine import Machine
from whisklab.errors import BadInput


def _wanted() -> Iterator[helm.Release]:
    machine = Machine.of(host)
    catalogue = opened(machine.catalogue, machine.mirror)
    for name, each in ReleaseSettings.of(host).releases.items():
        try:
            yield _release(name, each, catalogue)
        except BadInput as error:
            raise BadInput(f"releases[{name}]: {error}") from error


def _release(name: str, wanted: UserRelease, catalogue: Catalogue) -> helm.Release:
    given = values.merged(values.read(map(Path, wanted.values_files)), wanted.values)
    values.text(given)
    chart = helm.chart(wanted.chart, wanted.version, catalogue) if wanted.chart else None
    return helm.Release(
        name=name,
        chart=chart,
        namespace=wanted.namespace,
        values=given,
        wait=wanted.wait,
        timeout=wanted.timeout,
        present=wanted.present,
        keep_claims=wanted.keep_claims,
    )


@capability("releases", "fetch")
def fetch(api: Endpoint) -> None:
    """On the leader: have the charts on the laptop before any host is changed.

    Args:
        api: of this server.

    Raises:
        BadInput: a chart or a values file is not there or cannot be read.
    """
    for each in _wanted():
        helm.chart_fetched(name=f"Chart of {each.name} in the cache", release=each, api=api)


@capability("releases")
def releases(api: Endpoint) -> None:
    """On the leader: have the releases that the data name.

    Args:
        api: of this server.
    """
    for each in _wanted():
        helm.released(name=f"Release {each.name}", release=each, api=api)
