"""A cluster that cannot take OpenWhisk is refused before the release is touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from deploys.openwhisk import operations
from deploys.openwhisk.render import Place
from deploys.openwhisk.settings import OpenWhiskSettings
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT, REFUSALS, SILENT, always
from tests.contract.fake_objects import Objects
from tests.contract.helm.cluster import HELLO, SECRETS, Server, served
from whisklab.engine.helm.charts import Chart
from whisklab.engine.helm.release import Release

PLACE = Place(api_name="10.0.0.1", storage_class="nfs-client")
SETTINGS = OpenWhiskSettings()
RELEASE = Release("hello", Chart("hello 1.0.0", "a" * 64, HELLO), "apps", {"a": 1}, wait=False)
NODES, CLASSES = "/api/v1/nodes", "/apis/storage.k8s.io/v1/storageclasses"
SERVICES = "/api/v1/namespaces/{}/services/{}"


@pytest.fixture
def server(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Server:
    """One whose cluster can take it."""
    found = served(tmp_path, monkeypatch)
    node(found.api, "m1")
    node(found.api, "w1", role="invoker")
    found.api.have(f"{CLASSES}/nfs-client")
    found.api.have(
        SERVICES.format("openwhisk", "owdev-nginx"), spec={"ports": [{"nodePort": 31001}]}
    )
    found.api.have(SERVICES.format("default", "kubernetes"), spec={})
    return found


def node(
    api: Objects, name: str, *, role: str = "core", memory: str = "4Gi", arch: str = "amd64"
) -> None:
    status = {"nodeInfo": {"architecture": arch}, "allocatable": {"memory": memory}}
    api.have(f"{NODES}/{name}", metadata={"labels": {"openwhisk-role": role}}, status=status)


def fit(place: Place = PLACE, settings: OpenWhiskSettings = SETTINGS, **how: Any) -> fake.Done:
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    given = {"release": RELEASE, "settings": settings, "place": place, "api": ENDPOINT}
    return do(operations.fit, **{**given, **how})


def refused(server: Server, *sentences: str, **how: Any) -> None:
    """Expect a plan that passes, and a run that ends with these sentences and changes nothing."""
    assert fit(only_plan=True, **how).idle
    done = fit(**how)
    assert (done.failed, done.errors[:-1]) == (True, [f"OpenWhisk: {each}" for each in sentences])
    assert (server.api.changes, server.called()) == ([], [])


def test_a_cluster_that_can_take_it_is_not_refused(server: Server) -> None:
    assert not fit().failed
    assert server.api.changes == []


def test_a_plan_asks_nothing(server: Server) -> None:
    assert fit(only_plan=True).idle
    assert server.api.asked == []


def test_where_the_release_is_as_wished_the_cluster_is_not_looked_at(server: Server) -> None:
    server.record(RELEASE)
    del server.api.things[f"{CLASSES}/nfs-client"]
    assert not fit().failed
    assert all(each.startswith(SECRETS) for each in server.api.asked)


ARM = "is arm64, and OpenWhisk's images are for amd64: take other machines, or images of your own"
FEW = "{} of {} nodes have the label openwhisk-role=invoker, and openwhisk_invokers is {}: each "
NO_CLASS = "there is no storage class {}, there are {}: see openwhisk_storage_class and "


def test_another_architecture(server: Server) -> None:
    node(server.api, "m1", arch="arm64")
    refused(server, f"m1 {ARM} and openwhisk_architectures")


@pytest.mark.parametrize(("count", "role"), [(1, "core"), (2, "invoker")])
def test_too_few_nodes_for_invokers(server: Server, count: int, role: str) -> None:
    node(server.api, "w1", role=role)
    there = 1 if role == "invoker" else 0
    wanted = SETTINGS.model_copy(update={"invokers": count})
    said = FEW.format(there, 2, count) + "invoker needs a node of its own, see node_labels"
    refused(server, said, settings=wanted)
    if count == 1:
        assert not fit(replace(PLACE, single_node=True)).failed


def test_too_little_memory(server: Server) -> None:
    node(server.api, "w1", role="invoker", memory="1500M")
    refused(server, "actions may use 1 x 2048 MB, and the nodes for them have 1430 MB: lower "
                    "openwhisk_user_memory_mb or take larger machines")  # fmt: skip


@pytest.mark.parametrize("there", [[], ["local-path", "other"]])
def test_no_such_class(server: Server, there: list[str]) -> None:
    del server.api.things[f"{CLASSES}/nfs-client"]
    for name in there:
        server.api.have(f"{CLASSES}/{name}")
    known = ", ".join(there) or "none"
    refused(server, NO_CLASS.format("nfs-client", known) + "provisioner_enabled")


def test_a_port_that_is_taken(server: Server) -> None:
    taken = {"ports": [{"port": 1}, {"nodePort": 31001}]}
    server.api.have(SERVICES.format("web", "mine"), spec=taken)
    del server.api.things[SERVICES.format("openwhisk", "owdev-nginx")]
    refused(
        server, "port 31001 is taken by the service web/mine: choose another openwhisk_api_port"
    )


def test_all_that_is_wrong_is_told_at_once(server: Server) -> None:
    node(server.api, "w1", role="core", arch="arm64")
    del server.api.things[f"{CLASSES}/nfs-client"]
    done = fit()
    assert (done.failed, len(done.errors)) == (True, 3 + 1)


@pytest.mark.parametrize("memory", ["", "much", "1Xi"])
def test_a_node_that_tells_no_quantity_is_told(server: Server, memory: str) -> None:
    node(server.api, "w1", role="invoker", memory=memory)
    done = fit()
    assert (done.failed, done.errors[0]) == (
        True, f"{memory} is no quantity of memory such as 2Gi"
    )  # fmt: skip


@pytest.mark.parametrize("name", ["cut", "no JSON", "500", "401", "403"])
@pytest.mark.parametrize("path", ["", NODES])
def test_an_api_that_does_not_answer_fails_the_host(server: Server, name: str, path: str) -> None:
    given = (SILENT[name] if name in SILENT else REFUSALS[name])[0]
    sentence = (SILENT[name] if name in SILENT else REFUSALS[name])[-1]
    silent = always(given)
    server.api.meanwhile = lambda how, at: silent(how, at) if at == path or not path else None
    done = fit()
    assert (done.failed, done.errors[0]) == (True, sentence)
