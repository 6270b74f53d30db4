"""k3s goes up one minor with drains, while OpenWhisk is deployed and a Deployment serves."""

from __future__ import annotations

import pytest

from tests.e2e.cluster.newer import offered, versions, wish
from tests.e2e.cluster.serving import serving
from tests.e2e.cluster.site import Site
from tests.e2e.openwhisk.asking import ECHO, HELLO, SPACE, components, create, invoke, wsk
from whisklab.lab.standins.k3s import NEWER

pytestmark = pytest.mark.e2e


def of_actions(site: Site) -> set[str]:
    """The pods in which the invoker runs functions."""
    return {
        each["metadata"]["name"]
        for each in site.objects("pods", "-n", SPACE, "-l", "user-action-pod=true")
        if "deletionTimestamp" not in each["metadata"]
    }


def started(site: Site) -> dict[str, str]:
    """When k3s of each node was started."""
    units = {"master": "k3s", "worker1": "k3s-agent", "worker2": "k3s-agent"}
    return {host: site.root(host, f"systemctl show -P ActiveEnterTimestampMonotonic {unit}")
            for host, unit in units.items()}  # fmt: skip


def test_every_node_is_drained_in_its_turn_and_functions_answer_again(site: Site) -> None:
    create(site, "hello", HELLO, ".js")
    create(site, "echo", ECHO, ".py")
    assert invoke(site, "hello", "--param", "name", "Ada") == {"payload": "Hello, Ada!"}
    warm, before, began = of_actions(site), components(site), started(site)
    assert warm
    offered(site, [NEWER])
    wish(site, k3s_drain=True, k3s_version=NEWER)
    with serving(site):
        done = site.whisklab("apply", site.name)
        assert done.code == 0, done.output
    assert set(versions(site).values()) == {NEWER}
    assert all(began[host] != at for host, at in started(site).items())
    # Nobody starts those again but the invoker, when it needs some; the others are new ones.
    assert not warm & of_actions(site)
    assert not {uid for uid, _ in components(site).values()} & {uid for uid, _ in before.values()}
    assert not any(node["spec"].get("unschedulable") for node in site.objects("nodes"))
    assert {"hello", "echo"} <= set(wsk(site, "action", "list").replace("/", " ").split())
    assert invoke(site, "hello", "--param", "name", "Ada") == {"payload": "Hello, Ada!"}
    assert site.whisklab("verify", site.name).code == 0
    assert site.converge() == set()
