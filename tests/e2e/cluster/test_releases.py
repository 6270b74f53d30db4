"""A user's own chart as a release: careful with what is there, whatever happened before."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.cluster.background import background
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

SPACE = "apps"
RELEASE = ("releases | Release hello", "master")
ONLY = ("--only", "releases")  # nothing else is looked at, which saves time
HELM = f"helm --kubeconfig /etc/rancher/k3s/k3s.yaml --namespace {SPACE}"
PASSWORD = "s3cret-of-the-tests"  # noqa: S105

Wish = Callable[..., None]


@pytest.fixture(scope="module")
def data(site: Site) -> Iterator[Wish]:
    """Give a function that says in the data what the release should be."""
    path = site.directory / f"group_data/{site.name}.py"
    original = path.read_text()

    def wish(present: bool = True, **values: Any) -> None:
        # One that never gets ready must have begun by then, also on a busy machine.
        release = {
            "chart": "tests/charts/hello", "namespace": SPACE, "present": present,
            "timeout": 60 if values.get("ready", True) else 25, "values": values,
        }  # fmt: skip
        path.write_text(f"{original}\nreleases = {{'hello': {release!r}}}\n")

    yield wish
    wish(present=False)
    path.write_text(path.read_text().replace("'present'", "'keep_claims': False, 'present'"))
    assert site.converge() <= {RELEASE}
    path.write_text(original)
    site.kubectl("delete", "namespace", SPACE, "--ignore-not-found")
    assert site.converge() == set()


@pytest.fixture
def wish(site: Site, data: Wish) -> Wish:
    """Have the release as it should be, with `message: one`; give the function that changes it."""
    data(message="one")
    apply(site)
    return data


def listed(done: Run, code: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what a run with --json changes, which must end with `code`."""
    assert done.code == code, done.output
    assert "Traceback" not in done.output
    found = json.loads(done.stdout)
    return {(each["operation"], each["host"]): each for each in found["changes"]}


def plan(site: Site, code: int, *options: str) -> dict[tuple[str, str], dict[str, Any]]:
    return listed(site.whisklab("plan", site.name, "--json", *options), code)


def apply(site: Site) -> set[tuple[str, str]]:
    return set(listed(run(site), 0))


def run(site: Site) -> Run:
    return site.whisklab("apply", site.name, *ONLY, "--json")


def history(site: Site) -> list[dict[str, Any]]:
    text = site.root("master", f"{HELM} history hello --output json || true")
    found: list[dict[str, Any]] = json.loads(text or "[]")
    return found


def status(site: Site) -> str | None:
    revisions = history(site)
    return str(revisions[-1]["status"]) if revisions else None


def claim(site: Site, name: str = "hello") -> str:
    """Return what tells this claim from another of the same name."""
    return site.kubectl("-n", SPACE, "get", "pvc", name, "-o", "jsonpath={.metadata.uid}")


def starts(site: Site) -> list[str]:
    """Return what each start of the pod wrote into its volume."""
    pod = ("-n", SPACE, "exec", "deployment/hello", "--")
    return site.kubectl(*pod, "cat", "/data/starts").split()


def message(site: Site) -> str:
    path = "jsonpath={.data.message}"
    return site.kubectl("-n", SPACE, "get", "configmap", "hello", "-o", path)


def helms(site: Site) -> list[str]:
    return site.root("master", "pgrep -x helm || true").split()


def leftovers(site: Site) -> str:
    return site.root("master", "ls -d /run/whisklab/*helm 2>/dev/null || true")


def test_installed_once(site: Site, wish: Wish) -> None:
    before = site.snapshots()
    first = history(site)
    assert len(first) == 1
    assert first[0]["status"] == "deployed"
    assert starts(site) == ["one"]
    assert site.converge() == set()
    assert plan(site, 0) == {}
    assert site.snapshots() == before
    assert history(site) == first
    assert leftovers(site) == ""


def test_an_upgrade_is_told_and_shows_no_secret(site: Site, wish: Wish) -> None:
    before, job = claim(site), ("-n", SPACE, "get", "job", "hello", "-o")
    old_job = site.kubectl(*job, "jsonpath={.metadata.uid}")
    wish(message="two", password=PASSWORD)
    planned = site.whisklab("plan", site.name, "--diff", "--json")
    assert PASSWORD not in planned.output
    change = listed(planned, 3)[RELEASE]
    assert change["reasons"][:4] == [
        'value message is "one", not "two"',
        "value password differs",
        "changes ConfigMap/hello, Deployment/hello, Secret/hello",
        "recreates, because its template cannot be changed, Job/hello",
    ]
    assert "+  message: two" in change["diff"]
    assert site.kubectl(*job, "jsonpath={.metadata.uid}") == old_job
    done = run(site)
    assert set(listed(done, 0)) == {RELEASE}
    assert PASSWORD not in done.output
    assert message(site) == "two"
    assert site.kubectl(*job, "jsonpath={.metadata.uid}") != old_job
    assert claim(site) == before
    assert starts(site)[-2:] == ["one", "two"]
    journal = site.root("master", "journalctl -o cat")
    assert PASSWORD not in journal
    assert leftovers(site) == ""
    assert plan(site, 0, *ONLY) == {}


def test_no_longer_wanted_it_leaves_its_claim_and_finds_it_again(site: Site, wish: Wish) -> None:
    before, then = claim(site), len(starts(site))
    wish(present=False)
    found = plan(site, 3, *ONLY)
    assert found[RELEASE]["reasons"] == ["it is not wanted any more"]
    assert apply(site) == {RELEASE}
    assert history(site) == []
    assert site.objects("all", "-n", SPACE) == []
    assert claim(site) == before
    assert plan(site, 0, *ONLY) == {}
    wish(message="again")
    assert apply(site) == {RELEASE}
    assert claim(site) == before
    assert starts(site)[then:] == ["again"]


@pytest.mark.parametrize("installed", [False, True])
def test_helm_killed_in_the_middle(site: Site, wish: Wish, installed: bool) -> None:
    if not installed:
        site.root("master", f"{HELM} uninstall hello --wait")
    before = claim(site) if installed else None
    doing = "pending-upgrade" if installed else "pending-install"
    wish(message="killed", slow=30)
    with background(site, ".venv/bin/whisklab", "apply", site.name, *ONLY) as running:
        until(f"helm is at {doing}", lambda: status(site) == doing)
        before = before or claim(site)
        (pid,) = helms(site)
        site.root("master", f"kill -9 {pid}")
        output = running.communicate(timeout=120)[0]
    assert running.returncode == 1
    assert "it was ended by signal 9" in output
    assert "Traceback" not in output
    assert status(site) == doing
    found = plan(site, 3, *ONLY)
    assert f"its last change was interrupted ({doing})" in found[RELEASE]["reasons"]
    wish(message="done")
    assert apply(site) == {RELEASE}
    assert status(site) == "deployed"
    assert message(site) == "done"
    assert starts(site)[-1] == "done"
    assert claim(site) == before
    assert leftovers(site) == ""
    assert plan(site, 0, *ONLY) == {}


def test_our_run_killed_in_the_middle(site: Site, wish: Wish) -> None:
    """Helm goes on; the next run waits for it and finds everything as wanted."""
    before = claim(site)
    wish(message="left", slow=15)
    revisions = len(history(site))
    with background(site, ".venv/bin/whisklab", "apply", site.name, *ONLY) as running:
        until("helm upgrades", lambda: status(site) == "pending-upgrade")
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert len(helms(site)) == 1
    done = run(site)
    assert done.code == 0, done.output
    assert status(site) == "deployed"
    assert len(history(site)) == revisions + 1
    assert message(site) == "left"
    assert claim(site) == before


def test_a_pod_that_never_gets_ready_is_shown(site: Site, wish: Wish) -> None:
    before = claim(site)
    wish(message="one", ready=False)
    done = run(site)
    assert done.code == 1
    errors = json.loads(done.stdout)["errors"]
    assert any("UPGRADE FAILED" in each for each in errors), errors
    assert any("is not ready: container hello is not ready" in each for each in errors), errors
    assert any("Readiness probe failed" in each for each in errors), errors
    assert any("log of hello: waiting for what never comes" in each for each in errors), errors
    # Never --atomic: the pod is still there for whoever looks why.
    assert status(site) == "failed"
    assert len(site.objects("pods", "-n", SPACE, "-l", "app=hello")) == 1
    wish(message="one")
    found = plan(site, 3, *ONLY)
    assert any(each.startswith("its last change failed") for each in found[RELEASE]["reasons"])
    assert apply(site) == {RELEASE}
    assert status(site) == "deployed"
    assert claim(site) == before


def test_a_hook_that_fails_is_shown(site: Site, wish: Wish) -> None:
    before = message(site)
    wish(message="never", hook="echo the hook is not happy; exit 1")
    done = run(site)
    assert done.code == 1
    errors = json.loads(done.stdout)["errors"]
    assert any("pre-upgrade hooks failed" in each for each in errors), errors
    assert any("log of hook: the hook is not happy" in each for each in errors), errors
    assert message(site) == before
    wish(message="after", hook="true")
    assert apply(site) == {RELEASE}
    assert message(site) == "after"
    site.kubectl("-n", SPACE, "delete", "job", "hello-hook")
    assert plan(site, 0, *ONLY) == {}
