"""The releases in the cluster as they are now, the user's own among them."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra.api.host import Host

from whisklab.engine.drift.settings import DriftSettings
from whisklab.engine.helm import change
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import DEPLOYED, Revision
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
from whisklab.engine.run.overview import Line, tell

RELEASES = "releases"


@capability("helm", "status")
def status(platform: Platform) -> None:
    """On the leader: tell the newest revision of each release."""

    def releases(leader: Host) -> list[Line]:
        cluster = Cluster(leader, platform.api)
        return [
            line(*each, revision, differs(cluster, revision))
            for each, revision in sorted(cluster.releases().items())
        ]

    tell(name="Releases", topic=RELEASES, work=releases)


def differs(cluster: Cluster, revision: Revision) -> list[str]:
    """Return half a sentence for each object of a release of ours that is not as recorded.

    Raises:
        WhisklabError: the API does not answer.
    """
    if revision.status != DEPLOYED or not revision.ours:
        return []
    found = change.seen(cluster, revision, DriftSettings.of(cluster.server).ignored)
    return [each.told for each in found.drift]


def line(namespace: str, name: str, revision: Revision, differing: Sequence[str]) -> Line:
    """Return what a release is like. Pure.

    Args:
        namespace: of the release.
        name: of it.
        revision: the newest one.
        differing: see `differs`.
    """
    deployed = revision.status == DEPLOYED
    ok = deployed and not differing
    why = "" if ok else f": {revision.description}" if not deployed else f", {'; '.join(differing)}"
    return Line(
        RELEASES,
        name,
        ok=ok,
        detail=f"{revision.status}{why}, {revision.chart}, revision {revision.number} "
        f"in {namespace}",
        data={"namespace": namespace, "status": revision.status, "chart": revision.chart,
              "revision": revision.number, "differs": list(differing)},
    )  # fmt: skip
