"""Operations of `provisioner`, through the Kubernetes API."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from deploys.provisioner.render import default_patches
from whisklab.engine import kube
from whisklab.engine.reasons import because, unknown_until
from whisklab.engine.remote import call

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
        patches = _patches(host, api, ours, wanted=wanted)
    except kube.Unreachable as error:
        unknown_until(error.until)
        patches = None
    if patches == {}:
        return
    for name in patches or ():
        because(f"{name} is {'still' if wanted else 'no longer'} the default")

    def apply(server: Host) -> None:
        for name, notes in _patches(server, api, ours, wanted=wanted).items():
            body = {"metadata": {"annotations": notes}}
            kube.request(server, api, "PATCH", f"{CLASSES}/{name}", body, content_type=kube.MERGE)

    yield call(apply)


def _patches(
    server: Host, api: kube.Endpoint, ours: str, *, wanted: bool
) -> dict[str, dict[str, str | None]]:
    items = kube.request(server, api, "GET", CLASSES)["items"]
    found = {each["metadata"]["name"]: each["metadata"].get("annotations") or {} for each in items}
    return default_patches(found, ours, wanted=wanted)
