"""Bringing a release to the wish, so that it may be interrupted anywhere and run again."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import gevent
import yaml

from whisklab.engine import drift
from whisklab.engine.helm import manifests, program
from whisklab.engine.helm.blocked import blocking
from whisklab.engine.helm.preview import Preview, preview
from whisklab.engine.helm.records import FIXED, Cluster
from whisklab.engine.helm.release import FAILED, INTERRUPTED, OF_RELEASE, Release, Revision, why
from whisklab.engine.kubernetes import waiting
from whisklab.engine.kubernetes.objects import objects
from whisklab.engine.progress import tell
from whisklab.errors import WhisklabError

TOLD_EVERY = 10.0  # seconds


def seen(cluster: Cluster, latest: Revision, ignored: Sequence[str]) -> drift.Found:
    """Compare the objects of a revision with what is there; nothing is changed.

    Args:
        cluster: where.
        latest: what Helm has recorded as deployed.
        ignored: what is not looked at, see `DriftSettings`.

    Raises:
        WhisklabError: the API does not answer.
    """
    return drift.look(cluster, _wanted(latest, ignored))


def _wanted(latest: Revision, ignored: Sequence[str]) -> drift.Wanted:
    try:
        found = objects(latest.manifest)
    except yaml.YAMLError as error:
        raise WhisklabError(f"release {latest.name}: its objects are no YAML: {error}") from error
    return drift.Wanted(found, latest.namespace, tuple(ignored))


def mend(cluster: Cluster, release: Release, ignored: Sequence[str]) -> None:
    """Put back what differs from the release's record, and wait if the release is waited for.

    What is as it should be is not touched, and Helm not called.

    Raises:
        WhisklabError: the API refuses it, or it does not become ready in the release's time.
    """
    latest = cluster.latest(release)
    if latest is None:
        raise WhisklabError(f"release {release.name}: it is gone: run again")
    drift.put_back(
        cluster, _wanted(latest, ignored), marked=_marks(latest), fixed=FIXED,
        remove=lambda name: cluster.remove(release, [name]),
    )  # fmt: skip
    if release.wait:
        _wait(cluster, release, latest, ignored)


def _wait(cluster: Cluster, release: Release, latest: Revision, ignored: Sequence[str]) -> None:
    def problem() -> str | None:
        unready = seen(cluster, latest, ignored).unready
        return f"release {release.name}: {'; '.join(unready)}" if unready else None

    try:
        waiting.wait(
            cluster.server, problem, release.timeout, causes=lambda: _pods(cluster, release)
        )
    except waiting.Overdue as error:
        said = f"release {release.name}: not ready after {release.timeout} s"
        raise WhisklabError("\n".join([said, *_blocking(cluster, release)])) from error


def _marks(latest: Revision) -> dict[str, dict[str, str]]:
    """Return what Helm knows objects of a release by."""
    return {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {
            OF_RELEASE: latest.name,
            "meta.helm.sh/release-namespace": latest.namespace,
        },
    }


def apply(cluster: Cluster, release: Release) -> None:
    """Install, upgrade or uninstall a release.

    Args:
        cluster: where.
        release: as it should be.

    Raises:
        WhisklabError: Helm refuses it, and then nothing was changed; or it did not become ready,
            and then the sentences say what is not.
    """
    latest = _settled(cluster, release)
    if not why(release, latest):
        return  # the helm that a killed run had left has done it
    if not release.present:
        _uninstall(cluster, release, latest)
        return
    release.wanted_chart.have()
    found = preview(cluster, release, latest)
    if found.comparison is None:
        raise WhisklabError(f"there is no helm on {cluster.server.name}: run without --only once")
    _upgrade(cluster, release, latest, found)


def _settled(cluster: Cluster, release: Release) -> Revision | None:
    """Return the newest revision when no helm of an earlier run is at work any more."""
    latest = cluster.latest(release)
    if latest is not None and latest.status in INTERRUPTED:
        # This waits for the lock that a helm of a killed run holds.
        _helm(cluster, replace(release, chart=None), ["version", "--short"])
        latest = cluster.latest(release)
    return latest


def _upgrade(cluster: Cluster, release: Release, latest: Revision | None, found: Preview) -> None:
    if latest is not None and latest.status in INTERRUPTED:
        # Helm refuses to touch it otherwise; as a failed one it upgrades it.
        note = f"interrupted ({latest.status}), cleared by whisklab"
        cluster.write(release, latest.changed(status=FAILED, description=note))
    cluster.keep_claims(release, found.comparison.kept if found.comparison else [])
    cluster.remove(release, found.recreated)
    with _progress(cluster, release):
        answer = _helm(cluster, release, program.upgrade_arguments(release))
    if answer.code:
        said = release.hinted(f"helm: {answer.message}")
        raise WhisklabError("\n".join([said, *_blocking(cluster, release)]))


def _blocking(cluster: Cluster, release: Release) -> list[str]:
    try:
        return blocking(cluster, release)
    except WhisklabError as error:  # what helm said must not be lost
        return [str(error)]


def _pods(cluster: Cluster, release: Release) -> list[str]:
    """Return what to tell of pods and claims, without events and logs."""
    lines = _blocking(cluster, release)
    return [line for line in lines if line.startswith(("pod ", "claim "))]


def _uninstall(cluster: Cluster, release: Release, latest: Revision | None) -> None:
    if latest is not None and release.keep_claims:
        # Helm goes by its own record, whatever the claims themselves say.
        cluster.write(release, latest.with_manifest(manifests.without_claims(latest.manifest)))
    bare = replace(release, chart=None, values={})
    answer = _helm(cluster, bare, program.uninstall_arguments(release))
    if answer.code:
        raise WhisklabError(f"release {release.name}: helm: {answer.message}")


def _helm(cluster: Cluster, release: Release, arguments: list[str]) -> program.Answer:
    data = program.bundle(release)
    return program.helm(cluster.server, cluster.endpoint.kubeconfig, arguments, data, changing=True)


@contextmanager
def _progress(cluster: Cluster, release: Release) -> Iterator[None]:
    """Tell every few seconds what a release waits for."""

    def watch() -> None:
        start = time.monotonic()
        while True:
            gevent.sleep(TOLD_EVERY)
            pods = "; ".join(_pods(cluster, release))
            after = f"{cluster.server.name}: release {release.name}, {time.monotonic() - start:.0f}"
            tell(f"{after} s: {pods or 'helm is at work'}")

    watcher = gevent.spawn(watch)
    try:
        yield
    finally:
        watcher.kill()
