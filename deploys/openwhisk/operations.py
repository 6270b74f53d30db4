"""Operations of `openwhisk`, through the Kubernetes API."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host
from pyinfra.context import ctx_state

from deploys.openwhisk import fits, stages, waiting
from deploys.openwhisk.render import Place
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine import helm
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import why
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import NODES, Client
from whisklab.engine.reasons import because, unknown_until
from whisklab.engine.ssh.remote import call, fail
from whisklab.errors import WhisklabError


@operation()
def fit(
    release: helm.Release, settings: OpenWhiskSettings, place: Place, api: kube.Endpoint
) -> Generator[FunctionCommand]:
    """Refuse a cluster that cannot take the release, before the release is touched.

    Looks only where the release is about to change, and not in a plan: what it looks for may be
    made by the same run.

    Args:
        release: as it should be.
        settings: of the leader.
        place: where it is to run.
        api: of this server.
    """
    if not ctx_state.get().is_executing:
        return
    try:
        cluster = Cluster(host, api)
        if why(release, cluster.latest(release)):
            sentences = fits.unfit(settings, place, _found(cluster))
            if sentences:
                yield fail(*(f"OpenWhisk: {each}" for each in sentences))
    except WhisklabError as error:
        yield fail(str(error))


def _found(client: Client) -> fits.Found:
    return fits.Found(
        nodes=client.items(NODES),
        classes=client.items("/apis/storage.k8s.io/v1/storageclasses"),
        services=client.items("/api/v1/services"),
    )


@operation()
def ready(settings: OpenWhiskSettings, api: kube.Endpoint) -> Generator[FunctionCommand]:
    """Have all stages of the installation reached; yields nothing when they are.

    Jobs that have failed for good are made again first. When the time is over, or as soon as a pod
    cannot start at all, the first stage that blocks is named, with its last events and log lines.

    Args:
        settings: of the leader.
        api: of this server.
    """
    try:
        found = waiting.look(Client(host, api), settings)
    except kube.Unreachable as error:
        unknown_until(error.until)
    except WhisklabError as error:
        because(str(error))
        yield fail(str(error))
        return
    else:
        if stages.blocking(found) is None:
            host.noop("all stages are reached")
            return
        because(stages.told(found))

    def wait(server: Host) -> None:
        waiting.wait(Client(server, api), settings)

    yield call(wait)
