"""What k3s brings itself, such as CoreDNS: held to what was packed."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from types import MappingProxyType
from typing import Any

import yaml
from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from deploys.k3s.facts import PackedManifests
from whisklab.engine import drift
from whisklab.engine.kubernetes import kube, stuck
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.objects import objects
from whisklab.engine.kubernetes.waiting import wait
from whisklab.engine.reasons import because, unknown_until
from whisklab.engine.ssh.remote import call
from whisklab.errors import WhisklabError

NAMESPACE = "kube-system"
PODS_TOLD = 3
# k3s's own (its documentation, "Managing packaged components", and its manifests directory).
NAMES = ["ccm.yaml", "coredns.yaml", "local-storage.yaml", "metrics-server", "rolebindings.yaml",
         "runtimes.yaml", "traefik.yaml"]  # fmt: skip
# Which class is the default is said elsewhere (provisioner_default_class, or by people).
IGNORED = ("StorageClass/* metadata.annotations.storageclass.kubernetes.io/is-default-class",)


def look(server: Host, api: kube.Endpoint, directory: str, ignored: list[str]) -> drift.Found:
    """Compare what k3s packed with the cluster; nothing is changed.

    Args:
        server: whose manifests are taken.
        api: of it.
        directory: of the manifests there.
        ignored: what is not looked at, see `DriftSettings`.

    Raises:
        WhisklabError: the API does not answer, or a manifest is none.
    """
    return drift.look(Client(server, api), _wanted(server, directory, ignored))


def packs(server: Host, directory: str) -> bool:
    """Tell whether k3s has packed anything there; not before its first start."""
    return bool(server.get_fact(PackedManifests, directory=directory, names=NAMES))


def _wanted(server: Host, directory: str, ignored: list[str]) -> drift.Wanted:
    text = server.get_fact(PackedManifests, directory=directory, names=NAMES)
    try:
        found = objects(text)
    except yaml.YAMLError as error:
        raise WhisklabError(f"{server.name}: {directory} holds no manifests: {error}") from error
    for name, each in found.items():
        if not (name.kind and name.name and each.get("apiVersion")):
            raise WhisklabError(
                f"{server.name}: {directory} holds an object without apiVersion, kind or name: "
                "`systemctl restart k3s` there has what k3s packs written anew"
            )
    return drift.Wanted(found, NAMESPACE, (*IGNORED, *ignored))


def told(found: drift.Found) -> list[str]:
    """Return half a sentence for all that is not as packed, or not ready. Pure."""
    return [*(each.told for each in found.drift), *found.unready]


@operation()
def kept(
    api: kube.Endpoint, directory: str, ignored: list[str], within: float
) -> Generator[FunctionCommand]:
    """Have what k3s packed as it was packed, and its workloads ready; yields nothing when so.

    Args:
        api: of this server.
        directory: of the manifests on it.
        ignored: what is not looked at, see `DriftSettings`.
        within: how long workloads may take, in seconds.
    """
    try:
        reasons = told(look(host, api, directory, ignored))
    except kube.Unreachable as error:
        unknown_until(error.until)
        reasons = None
    if reasons == []:
        return
    for each in reasons or ():
        because(each)

    def mend(server: Host) -> None:
        deadline = time.monotonic() + within
        drift.put_back(Client(server, api), _wanted(server, directory, ignored), marked=_NO_MARKS)
        remedy = f"see `kubectl -n {NAMESPACE} get pods`"

        def problem() -> str | None:
            return "; ".join(told(look(server, api, directory, ignored))) or None

        wait(
            server, problem, max(0.0, deadline - time.monotonic()), remedy,
            causes=lambda: causes(Client(server, api)),
        )  # fmt: skip

    yield call(mend)


def causes(client: Client) -> list[str]:
    """Why pods are not ready: their states and last events; none when the API does not say."""
    space = f"/api/v1/namespaces/{NAMESPACE}"
    lines = []
    try:
        pods = client.items(f"{space}/pods")
        for pod in [each for each in pods if not stuck.is_done(each)][:PODS_TOLD]:
            name, uid = pod["metadata"]["name"], str(pod["metadata"].get("uid", ""))
            lines.append(f"pod {name}: {stuck.state(pod)}")
            lines += stuck.event_lines(client, space, name, uid)[-1:]
    except (kube.Refused, kube.Unreachable):
        return lines
    return lines


_NO_MARKS: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
