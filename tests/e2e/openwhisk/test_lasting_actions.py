"""What users have in OpenWhisk stays, whatever the deploy does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.e2e.cluster.site import Site
from tests.e2e.openwhisk import registry
from tests.e2e.openwhisk.asking import (
    HELLO,
    READY,
    RELEASE,
    SPACE,
    components,
    create,
    invoke,
    revisions,
    url,
    wsk,
)

pytestmark = pytest.mark.e2e

Changed = Callable[..., AbstractContextManager[None]]


@pytest.fixture(scope="module")
def hello(site: Site) -> Iterator[str]:
    """An action that a user created."""
    create(site, "mine", HELLO, ".js", "--param", "since", "the-first-day")
    yield "mine"
    wsk(site, "action", "delete", "mine")


@pytest.fixture
def changed(site: Site) -> Changed:
    """Give a context in which the data say something else; what was is deployed afterwards."""
    path = site.directory / f"group_data/{site.name}.py"

    @contextmanager
    def change(**settings: object) -> Iterator[None]:
        original = path.read_text()
        lines = [f"openwhisk_{key} = {value!r}" for key, value in settings.items()]
        path.write_text("\n".join([original, *lines, ""]))
        try:
            yield
        finally:
            path.write_text(original)
            site.converge()

    return change


def test_one_limit_is_one_revision_and_restarts_only_who_reads_it(
    site: Site, hello: str, changed: Changed
) -> None:
    before, count = components(site), revisions(site)
    with changed(invocations_per_minute=77):
        assert site.converge() <= {RELEASE, READY}
        after = components(site)
        limits = json.loads(site.ssh("master", "curl", "-sS", url(site, "/")))["limits"]
        assert limits["actions_per_minute"] == 77
        assert invoke(site, hello) == {"payload": "Hello, World!"}
        assert revisions(site) == count + 1
        assert site.converge() == set()
    assert set(after) == set(before)
    restarted = {name for name in before if before[name] != after[name]}
    assert restarted == {"owdev-controller-0", "owdev-invoker-0"}


def test_an_action_survives_a_provider_that_goes_and_comes(
    site: Site, hello: str, changed: Changed
) -> None:
    claims = {each["metadata"]["uid"] for each in site.objects("pvc", "-n", SPACE)}
    with changed(alarms=False):
        assert RELEASE in site.converge()
        assert not any(name.startswith("owdev-alarmprovider") for name in components(site))
        assert invoke(site, hello) == {"payload": "Hello, World!"}
    assert any(name.startswith("owdev-alarmprovider") for name in components(site))
    assert invoke(site, hello) == {"payload": "Hello, World!"}
    assert claims <= {each["metadata"]["uid"] for each in site.objects("pvc", "-n", SPACE)}


def test_an_action_survives_jobs_that_run_again(site: Site, hello: str) -> None:
    jobs = ("owdev-init-couchdb", "owdev-install-packages")
    site.kubectl("-n", SPACE, "delete", "job", *jobs)
    assert site.converge() == {RELEASE, READY}
    for job in jobs:
        done = site.kubectl("-n", SPACE, "get", "job", job, "-o", "jsonpath={.status.succeeded}")
        assert done == "1"
    log = site.kubectl("-n", SPACE, "logs", "job/owdev-init-couchdb")
    assert "they stay as they are" in log
    assert invoke(site, hello) == {"payload": "Hello, World!"}
    assert site.converge() == set()


def test_an_action_survives_a_repair(site: Site, hello: str) -> None:
    before = components(site)
    site.kubectl("-n", SPACE, "delete", "statefulset", "owdev-controller")
    site.kubectl("-n", SPACE, "wait", "--for=delete", "pod/owdev-controller-0", "--timeout=60s")
    plan = site.whisklab("plan", site.name)
    assert plan.code == 3
    assert "StatefulSet/owdev-controller is not there" in plan.output
    assert "controller (it is not there)" in plan.output
    assert site.converge() == {RELEASE, READY}
    assert invoke(site, hello) == {"payload": "Hello, World!"}
    restarted = {name for name, was in components(site).items() if before.get(name) != was}
    assert restarted == {"owdev-controller-0"}


def test_an_action_survives_a_move_to_the_registry_that_wants_a_password(
    site: Site, hello: str
) -> None:
    """Components and actions pull with the account that the nodes have; this lab stays so."""
    pushed = registry.filled(site, "worker1")
    assert any("/openwhisk/action-nodejs" in name for name in pushed)
    data = site.directory / f"group_data/{site.name}.py"
    data.write_text(f"{data.read_text()}\nopenwhisk_image_prefix = '{registry.PULL}/'\n")
    done = site.whisklab("apply", site.name)
    assert done.code == 0, done.output
    assert invoke(site, hello) == {"payload": "Hello, World!"}
    there_now = site.objects("pods", "-n", SPACE)
    pods = [each for each in there_now if "deletionTimestamp" not in each["metadata"]]
    assert components(site)
    assert any("user-action-pod" in each["metadata"]["labels"] for each in pods)
    addresses = {each["name"]: each["address"] for each in site.lab["hosts"]}
    used = {
        (addresses[pod["spec"]["nodeName"]], container["image"].rpartition(":")[0])
        for pod in pods
        for container in pod["spec"]["containers"]
    }
    assert used <= {(node, f"{registry.PULL}/{name}") for node, name in registry.pulled(site)}
    assert site.converge() == set()


def test_an_action_runs_on_an_image_of_one_s_own_from_the_registry(site: Site) -> None:
    """The image was pushed by the test before."""
    image = f"{registry.PULL}/openwhisk/action-nodejs-v14:1.20.0"
    create(site, "own", HELLO, ".js", "--docker", image)
    assert invoke(site, "own", "--param", "name", "Registry") == {"payload": "Hello, Registry!"}
    name = image.removeprefix(f"{registry.PULL}/")
    listed = site.whisklab("images", "list", site.name, "--json")
    assert listed.code == 0, listed.output
    (found,) = (x for x in json.loads(listed.stdout) if f"{x['name']}:{x['tag']}" == name)
    assert "action _/own" in found["used_by"]
    refused = site.whisklab("images", "rm", site.name, name, "--yes")
    assert refused.code == 2, refused.output
    assert "is in use by action _/own" in refused.output
    wsk(site, "action", "delete", "own")
