"""Another machine that the cluster knows by the name of one that has never been in it.

Either that one is gone, and this was made in its place; or it works, and a wrong address or a
second machine of the name leads here. Only the first is forgotten.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import NODES, Client
from whisklab.engine.kubernetes.waiting import wait
from whisklab.engine.kubernetes.workloads import is_ready
from whisklab.engine.reasons import because
from whisklab.engine.ssh.remote import call

# Seconds in which a node that is gone is Ready no more: Kubernetes notices it after 40 or 50, by
# its version (node-monitor-grace-period), and later when its controller manager has just begun.
GONE_WITHIN = 120.0
REMEDY = (
    "see where its ssh_hostname leads, and give one of the two machines another name; if that one "
    "is not needed any more, end its k3s and run again"
)


@operation()
def forgotten(leader: Host, api: kube.Endpoint) -> Generator[FunctionCommand]:
    """Have the cluster forget another machine of this machine's name; yields nothing without one.

    Called for a machine that has no password of a node: the cluster would refuse it with another
    one than it knows. Gone are the Node and the Secret with the password, as k3s's documentation
    has it; what ran there is started elsewhere, or here again. One whose node is Ready, and stays
    so, is not forgotten: it works.

    Args:
        leader: the server whose API is asked.
        api: of that server.
    """
    paths = (
        f"{NODES}/{host.name}",
        f"/api/v1/namespaces/kube-system/secrets/{host.name}.node-password.k3s",
    )
    try:
        client = Client(leader, api)
        there = [path for path in paths if client.get(path) is not None]
    except kube.Unreachable:
        return  # a cluster that begins; its nodes are waited for later
    if there:
        because(f"the cluster knows another machine as {host.name}, which was made anew")

        def forget(machine: Host) -> None:
            _forget(machine, Client(leader, api), there)

        yield call(forget)


def _forget(machine: Host, client: Client, paths: Sequence[str]) -> None:
    def works() -> str | None:
        node = client.get(f"{NODES}/{machine.name}")
        if node is None or not is_ready(node):
            return None
        return f"the node {machine.name} is Ready, and it is another machine than this one"

    wait(machine, works, GONE_WITHIN, REMEDY)
    for path in paths:
        client.delete(path)
