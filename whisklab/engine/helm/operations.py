"""Operations for Helm releases: look through the Kubernetes API, change with helm on a server."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host, logger
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_state

from whisklab.engine.artifacts.fetching import fetch
from whisklab.engine.drift.settings import DriftSettings
from whisklab.engine.helm import change
from whisklab.engine.helm.preview import preview
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import Release, Revision, why
from whisklab.engine.kubernetes import kube
from whisklab.engine.reasons import because, diff_wanted, differs, unknown_until
from whisklab.engine.ssh.remote import call, fail
from whisklab.errors import WhisklabError


@operation()
def chart_fetched(release: Release, api: kube.Endpoint) -> Generator[FunctionCommand]:
    """Have the release's chart on the laptop, if the release is not known to be as wanted.

    Its own operation, so that a run can fetch everything before it changes anything.

    Args:
        release: as it should be.
        api: of this server.
    """
    chart = release.chart
    if not release.present or chart is None or chart.artifact is None or not chart.lacks:
        return
    artifact = chart.artifact
    try:
        if not why(release, Cluster(host, api).latest(release)):
            return
    except kube.Unreachable as error:
        unknown_until(error.until)
    except WhisklabError as error:
        because(str(error))
        yield fail(str(error))
        return

    def fetch_to_cache(_: Host) -> None:
        fetch(artifact)

    yield call(fetch_to_cache)


@operation()
def released(release: Release, api: kube.Endpoint) -> Generator[FunctionCommand]:
    """Have a release and its objects as they should be, or gone; yields nothing when it is so.

    The newest revision must be ours, complete, of this chart and these values. What an interrupted
    or failed run left is upgraded, never uninstalled. Where the record is right, each object is
    compared with it, and what differs is put back without Helm. A Job or a bare Pod that cannot be
    changed is made anew. PersistentVolumeClaims are never deleted but by `present=False` with
    `keep_claims=False`.

    Args:
        release: as it should be.
        api: of this server, which has helm.
    """
    ignored = DriftSettings.of(host).ignored
    try:
        latest = Cluster(host, api).latest(release)
        reasons = why(release, latest)
        differs_in = [] if reasons else _drift(release, latest, api, ignored)
    except kube.Unreachable as error:
        unknown_until(error.until)
        latest, reasons, differs_in = None, [], []
    except WhisklabError as error:
        because(str(error))
        yield fail(str(error))
        return
    else:
        if not reasons and not differs_in:
            host.noop(f"release {release.name} is as wanted")
            return
        for reason in (*reasons, *differs_in):
            because(reason)
        if reasons and ctx_state.get().current_stage == StateStage.Prepare:
            _tell(release, latest, api)

    def apply(server: Host) -> None:
        change.apply(Cluster(server, api), release)

    def mend(server: Host) -> None:
        change.mend(Cluster(server, api), release, ignored)

    yield call(mend if differs_in else apply)


def _drift(
    release: Release, latest: Revision | None, api: kube.Endpoint, ignored: Sequence[str]
) -> list[str]:
    """Return half a sentence for each object that is not as recorded, or that is waited for."""
    if latest is None or not release.present:
        return []
    found = change.seen(Cluster(host, api), latest, ignored)
    waited = found.unready if release.wait else ()
    return [*(each.told for each in found.drift), *waited]


def _tell(release: Release, latest: Revision | None, api: kube.Endpoint) -> None:
    """Tell in a plan which objects would change."""
    try:
        found = preview(Cluster(host, api), release, latest)
    except WhisklabError as error:
        because("it would be refused")
        for sentence in str(error).splitlines():
            logger.error("%s%s", host.print_prefix, sentence)
        return
    for line in found.lines:
        because(line)
    if diff_wanted():
        for name, before, after in found.texts:
            differs(f"{name} differs", before, after)
