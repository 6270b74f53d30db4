"""A Deployment that is read without end while k3s changes, and what runs of it."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until

NODE_PORT = 30080
WEB = Path(__file__).with_name("web.yaml")
# Read again and again from a machine that is no node, through a node's NodePort.
PROBE = (
    "while :; do for node in {nodes}; do echo $(date +%T) $node "
    "$(curl -s -m 5 -o /dev/null -w '%{{http_code}} %{{exitcode}}' $node:{port}); "
    "done; sleep 0.1; done"
)


def agents(site: Site) -> list[str]:
    """Return the agents in inventory order."""
    return [host for host in site.hosts if host.startswith("worker")]


def containers(site: Site) -> dict[str, tuple[str, int]]:
    """Return the ready containers of the Deployment: pod to container id and restarts."""
    found = {}
    for pod in site.objects("pods", "-l", "app=web"):
        for status in pod["status"].get("containerStatuses", []):
            if status["ready"] and "deletionTimestamp" not in pod["metadata"]:
                found[pod["metadata"]["name"]] = (status["containerID"], status["restartCount"])
    return found


@contextmanager
def serving(site: Site) -> Iterator[None]:
    """Deploy a web server, and require that each read of it meanwhile is answered."""
    nodes = {host["name"]: host["address"] for host in site.lab["hosts"]}
    readers = {name: address for name, address in nodes.items() if name.startswith("worker")}
    kubectl(site, "apply", WEB.read_text())
    until("three pods are ready", lambda: len(containers(site)) == 3)
    # A node forwards to pods a moment after they are ready.
    until("each node answers", lambda: all(answers(site, each) for each in readers.values()))
    script = PROBE.format(nodes=" ".join(readers.values()), port=NODE_PORT)
    with subprocess.Popen(
        [*site.ssh_command("storage", "-tt"), script], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    ) as probe:  # fmt: skip
        try:
            yield
        finally:
            probe.terminate()
            lines = [line.strip() for line in probe.communicate()[0].splitlines()[:-1]]
            read = Counter(line.partition(" ")[2] for line in lines)
            kubectl(site, "delete", WEB.read_text())
    print(read, lines[:1], [line for line in lines if not line.endswith(" 200 0")])
    assert set(read) == {f"{address} 200 0" for address in readers.values()}
    assert min(read.values()) > 10


def answers(site: Site, address: str) -> bool:
    """Tell whether the web server answers at a node's address."""
    return bool(
        site.ssh("storage", "curl", "-sf", "-m", "5", f"{address}:{NODE_PORT}", check=False)
    )


def kubectl(site: Site, verb: str, text: str) -> None:
    """Run `kubectl VERB -f -` on the master with the manifest on its stdin."""
    command = [*site.ssh_command("master"), f"sudo k3s kubectl {verb} -f -"]
    subprocess.run(command, input=text, text=True, check=True, timeout=60)
