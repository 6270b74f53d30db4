"""Operations of `provisioner`, through the Kubernetes API."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from deploys.provisioner.render import default_patches
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.reasons import because, unknown_until
from whisklab.engine.ssh.remote import call

CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


@operation()
def default_class(ours: str, api: kube.Endpoint, *, wanted: bool) -> Generator[FunctionCommand]:
    """Have no default storage class but ours, if that is wanted; else give back what we took.

    Args:
        ours: the name of our class.
        api: of this server.
        wanted: whether ours is the default.
    """
    try:
        patches = _patches(Client(host, api), ours, wanted=wanted)
    except kube.Unreachable as error:
        unknown_until(error.until)
        patches = None
    if patches == {}:
        return
    for name in patches or ():
        because(f"{name} is {'still' if wanted else 'no longer'} the default")

    def apply(server: Host) -> None:
        client = Client(server, api)
        for name, notes in _patches(client, ours, wanted=wanted).items():
            client.merge(f"{CLASSES}/{name}", {"metadata": {"annotations": notes}})

    yield call(apply)


def _patches(client: Client, ours: str, *, wanted: bool) -> dict[str, dict[str, str | None]]:
    items = client.items(CLASSES)
    found = {each["metadata"]["name"]: each["metadata"].get("annotations") or {} for each in items}
    return default_patches(found, ours, wanted=wanted)
