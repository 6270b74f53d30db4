"""What OpenWhisk needs from outside: its chart, what its jobs clone, and images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deploys.openwhisk import render, runtimes
from deploys.openwhisk.deploy import chart_files, check_npm_cache
from deploys.openwhisk.keys import Keys
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine import helm
from whisklab.engine.artifacts.entries import ANY
from whisklab.engine.needs.needed import Image, Needs, Part, Rendered, Scope
from whisklab.engine.tls.authority import Pair
from whisklab.errors import BadInput

# Who switches one on inside a closed network must find its images there.
EVERYTHING = {"scheduler": True, "metrics": True, "alarms": True, "kafka_provider": True}
# Rendering wants them, no image depends on them, and a secret has no place in a bundle.
_KEYS = Keys(guest="guest", system="system", db_password="none")  # noqa: S106
_PAIR = Pair("certificate", "key")
_SOURCES = "http://192.0.2.1/openwhisk"


def needs(scope: Scope) -> Needs:
    """Return its chart with everything switched on, its sources, and the images of actions.

    Raises:
        BadInput: its images are for none of the architectures, a file of the user's cannot be read,
            or the data say off-line and the catalogue has no cache of npm.
    """
    settings = OpenWhiskSettings.of(scope.leader)
    if not settings.enabled:
        return Needs()
    architectures = tuple(each for each in scope.architectures if each in settings.architectures)
    if not architectures:
        raise BadInput(
            f"openwhisk_architectures is {', '.join(settings.architectures)}, and the bundle is to "
            f"be for {', '.join(scope.architectures)}: build it for one of the first, too (--arch)"
        )
    parts, lacking = _sources(scope, settings)
    images = [Image(each, "openwhisk_runtimes", architectures) for each in _runtimes(settings)]
    rendered = [
        Rendered(_release(scope, settings, further), architectures, variant)
        for variant, further in (("", {}), ("everything switched on", EVERYTHING))
    ]
    return Needs(parts=parts, rendered=rendered, images=images, lacking=lacking)


def _sources(scope: Scope, settings: OpenWhiskSettings) -> tuple[list[Part], list[str]]:
    """Return what its jobs are given in a closed network, and what of that nobody has."""
    catalogue = scope.catalogue(scope.leader)
    if settings.offline and settings.sources_url is None:
        check_npm_cache(catalogue, settings.version)
    names = list(render.sources().values())
    lacking = []
    if not catalogue.has(render.PRODUCT, settings.version, render.NPM_CACHE, ANY):
        names.remove(render.NPM_CACHE)
        lacking.append(
            f"what npm installs in OpenWhisk's Job install-packages: {catalogue.path} has no "
            f"{render.NPM_CACHE} of {render.PRODUCT}, and the Job fails where there is no way out"
        )
    parts = [Part(catalogue, render.PRODUCT, settings.version, each, (ANY,)) for each in names]
    return parts, lacking


def _runtimes(settings: OpenWhiskSettings) -> Iterator[str]:
    for kinds in settings.runtimes.values():
        yield from (each.image for each in kinds)
    yield runtimes.BLACKBOX


def _release(
    scope: Scope, settings: OpenWhiskSettings, further: Mapping[str, bool]
) -> helm.Release:
    # The prefix names the registry inside, where nothing is before the bundle has come.
    changed = settings.model_copy(update={"image_prefix": "", **further})
    given = render.Given(_PAIR, chart_files(settings))
    place = render.Place("192.0.2.1", "none", sources=_SOURCES)
    chart = helm.chart(render.PRODUCT, settings.version, scope.catalogue(scope.leader))
    return helm.Release(
        settings.release,
        chart.changed(render.overlay(changed, place, given)),
        settings.namespace,
        render.values(changed, _KEYS, place),
    )
