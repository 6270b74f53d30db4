"""The tests that a chart brings (`helm test`), run on request."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra.api.host import Host

from whisklab.engine import limits
from whisklab.engine.helm import program
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import Release
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.objects import unspoken
from whisklab.engine.kubernetes.workloads import phase
from whisklab.errors import WhisklabError

HELM_TEST = "helm-test"  # as a check on request
LOG_LINES = 3


def tested(server: Host, api: kube.Endpoint, name: str, namespace: str) -> list[str]:
    """Run the tests of a release, and remove their pods.

    Args:
        server: which has helm.
        api: of it.
        name: of the release.
        namespace: of it.

    Returns:
        The names of the tests, all of which passed.

    Raises:
        WhisklabError: one failed, with the last lines of its log; or there are none.
    """
    cluster, release = Cluster(server, api), Release(name, None, namespace)
    latest = cluster.latest(release)
    pods = latest.tests if latest else []
    if not pods:
        raise WhisklabError(f"release {name} has no tests: its chart brings none")
    arguments = ["test", name, "--namespace", namespace, "--timeout", f"{limits.HELM_TEST_WITHIN}s"]
    try:
        answer = program.helm(
            server, api.kubeconfig, arguments, program.bundle(release), changing=True
        )
        if answer.code:
            raise WhisklabError(
                ": ".join([answer.message.splitlines()[-1], *_said(cluster, release, pods)])
            )
    finally:
        _remove(cluster, release, pods)
    return pods


def _said(cluster: Cluster, release: Release, pods: list[str]) -> Iterator[str]:
    for pod in pods:
        found = cluster.get(_path(release, pod))
        if found and phase(found) == "Failed":
            path = f"{_path(release, pod)}/log?tailLines={LOG_LINES}"
            said = " ".join(cluster.text(path).split())
            yield f"{pod} says {unspoken(said)}"


def _remove(cluster: Cluster, release: Release, pods: list[str]) -> None:
    for pod in pods:
        cluster.delete(_path(release, pod))


def _path(release: Release, pod: str) -> str:
    return f"/api/v1/namespaces/{release.namespace}/pods/{pod}"
