"""The releases in the cluster as they are now, the user's own among them."""

from __future__ import annotations

from pyinfra.api.host import Host

from whisklab.engine import kube
from whisklab.engine.capability import capability
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import DEPLOYED, Revision
from whisklab.engine.overview import Line, tell

RELEASES = "releases"


@capability("helm", "status")
def status(api: kube.Endpoint) -> None:
    """On the leader: tell the newest revision of each release.

    Args:
        api: of this server.
    """

    def releases(leader: Host) -> list[Line]:
        found = Cluster(leader, api).releases()
        return [line(*each, revision) for each, revision in sorted(found.items())]

    tell(name="Releases", topic=RELEASES, work=releases)


def line(namespace: str, name: str, revision: Revision) -> Line:
    """Return what a release is like. Pure."""
    ok = revision.status == DEPLOYED
    why = "" if ok else f": {revision.description}"
    return Line(
        RELEASES,
        name,
        ok=ok,
        detail=f"{revision.status}{why}, {revision.chart}, revision {revision.number} "
        f"in {namespace}",
        data={"namespace": namespace, "status": revision.status, "chart": revision.chart,
              "revision": revision.number},
    )  # fmt: skip
