"""What helm, a chart or the API refuses: sentences, and nothing was changed."""

from __future__ import annotations

import pytest

from tests.contract.fake_kubernetes import status
from tests.contract.helm.cluster import (
    CLAIM,
    JOB,
    MANIFEST,
    MAP,
    RENDERED,
    RENDERED_AGAIN,
    SECRET,
    SPACE,
    WISH,
    Server,
    installed,
    otherwise,
    upgraded,
)

WARNED = "WARNING: deprecated\nError: {}\nUse --debug flag to render out invalid YAML\n"


def changed(server: Server) -> None:
    """Have a release there whose record has another value."""
    installed(server)
    server.record(WISH, config={})


THEIRS = (
    "is there already, and Helm did not make it: delete it, or mark it as this release's, see "
    "`helm install --help` on --take-ownership"
)
# By name: what helm says, and what of it is told.
SAID = {
    "an error": (WARNED.format("this chart is broken"), "release hello: this chart is broken"),
    "a secret": (WARNED.format(f"at '/x': got {SECRET}"), "release hello: at '/x': got ***"),
    "one with a hint": (WARNED.format("port is taken"), "release hello: port is taken"),
    "no error": ("nothing works\n", "release hello: nothing works"),
    "nothing": ("", "release hello: it ended with exit code 1"),
    "another's": (
        WARNED.format('ConfigMap "hello" in namespace "apps" exists and cannot be imported into '
                      "the current release: invalid ownership metadata"),
        f"release hello: ConfigMap/hello in namespace apps {THEIRS}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
@pytest.mark.parametrize("there", [False, True])
def test_a_chart_that_does_not_render_is_told_in_the_plan_and_changes_nothing(
    server: Server, name: str, *, there: bool
) -> None:
    said, told = SAID[name]
    if there:
        changed(server)
    server.helm("template", 1, warns=said)
    planned = server.released(only_plan=True)
    assert (planned.failed, planned.why[-1]) == (False, "it would be refused")
    hint = ["choose another port"] if "port is taken" in said else []
    assert planned.errors == [told, *hint]
    done = server.released()
    assert (done.failed, done.errors[-2 - len(hint) : -1]) == (True, [told, *hint])
    rendered = RENDERED_AGAIN if there else RENDERED
    assert (server.called(), server.api.changes) == ([rendered] * 3, [])


# Helm itself renders, without the cluster that it would ask.
RENDERS = """case $1 in template) ;; *) tell "$@"; exit 1;; esac
for each; do shift; case $each in --validate|--dry-run=*) ;; *) set -- "$@" "$each";; esac; done
exec {} "$@\""""


@pytest.mark.parametrize("there", [False, True])
def test_a_chart_that_helm_itself_refuses_is_told_and_leaves_nothing(
    server: Server, helm: str, *, there: bool
) -> None:
    if there:
        changed(server)
    server.machine.stub("helm", RENDERS.format(helm))
    broken = otherwise(values={**WISH.values, "broken": True})
    planned = server.released(broken, only_plan=True)
    assert (planned.failed, planned.why[-1]) == (False, "it would be refused")
    assert "this chart is broken on purpose" in "\n".join(planned.errors)
    done = server.released(broken)
    assert done.failed
    assert "this chart is broken on purpose" in "\n".join(done.errors)
    assert (server.called(), server.api.changes) == ([], [])
    assert [*server.machine.at("/run/whisklab").iterdir()] == []


def test_without_helm_there_a_plan_passes_and_a_run_says_so(server: Server) -> None:
    server.helm("template", 127)
    planned = server.released(only_plan=True)
    assert (planned.why, planned.errors) == (["it is not installed"], [])
    done = server.released()
    assert (done.failed, done.errors[0]) == (
        True, "there is no helm on @local: run without --only once"
    )  # fmt: skip


@pytest.mark.parametrize("text", ["{", "a: b: c", "- x: [", "{kind: A\n---\n"])
def test_objects_that_are_no_yaml_are_told(server: Server, text: str) -> None:
    server.helm("template", says=text)
    done = server.released()
    assert done.failed
    assert "release hello: its objects are no YAML" in done.errors[0]
    assert server.called() == [RENDERED, RENDERED]


@pytest.mark.parametrize("text", ["{", "a: b: c"])
def test_a_record_whose_objects_are_no_yaml_is_told(server: Server, text: str) -> None:
    server.record(WISH, manifest=text)
    done = server.released()
    assert done.failed
    assert "release hello: its objects are no YAML" in done.errors[0]
    assert server.called() == []


def test_an_upgrade_that_fails_is_told_with_what_is_not_ready(server: Server) -> None:
    changed(server)
    server.helm("upgrade", 1, warns=WARNED.format(f"port is taken: {SECRET}"))
    server.api.have(CLAIM, status={"phase": "Pending"})
    owner = {"kind": "Job", "name": "hello", "controller": True}
    server.api.have(
        f"{SPACE}/pods/hello-x", metadata={"ownerReferences": [owner]}, spec={},
        status={"phase": "Pending", "containerStatuses": [
            {"name": "c", "ready": False, "restartCount": 0,
             "state": {"waiting": {"reason": "ImagePullBackOff"}}}]},
    )  # fmt: skip
    server.api.have(f"{SPACE}/pods/theirs", spec={}, status={"phase": "Pending"})
    done = server.released()
    assert (done.failed, server.called()[-1]) == (True, upgraded())
    said = "\n".join(done.errors)
    assert "release hello: helm: port is taken: ***\nchoose another port" in said
    assert "pod hello-x" in said
    assert "claim hello is Pending" in said
    assert "theirs" not in said


def test_helm_that_was_killed_is_told(server: Server) -> None:
    server.helm("upgrade", 137, warns="Killed\n")
    done = server.released()
    assert (done.failed, done.errors[0]) == (
        True, "release hello: helm: it was ended by signal 9"
    )  # fmt: skip


OTHER = MANIFEST.replace("message: hi", "message: ho").replace("tries: 1", "tries: 2")


def test_a_plan_tells_which_objects_would_change(server: Server) -> None:
    installed(server)
    server.record(WISH, config={}, manifest=OTHER + "---\n{apiVersion: v1, kind: Secret, metadata: "
                  "{name: gone}}\n")  # fmt: skip
    server.api.immutable.add(JOB)
    why = server.released(only_plan=True).why
    assert why[-3:] == [
        "changes ConfigMap/hello", "removes Secret/gone",
        "recreates, because its template cannot be changed, Job/hello",
    ]  # fmt: skip
    assert {path for _, path, _ in server.api.changes} == {
        f"{path}?dryRun=All&fieldManager=whisklab" for path in (MAP, JOB)
    }


def test_a_job_that_cannot_change_is_deleted_before_the_upgrade(server: Server) -> None:
    installed(server)
    server.record(WISH, config={}, manifest=OTHER)
    server.api.immutable.add(JOB)
    server.upgraded = lambda: installed(server)
    assert not server.released().failed
    assert ("DELETE", JOB, {"propagationPolicy": "Foreground"}) in server.api.changes
    assert server.called()[-1] == upgraded()
    assert server.released().idle


def test_a_change_that_the_api_refuses_is_told_and_helm_not_asked_for_it(server: Server) -> None:
    installed(server)
    server.record(WISH, config={}, manifest=OTHER)
    server.api.immutable.add(MAP)
    refusal = f'"{MAP}" is invalid: spec.template: field is immutable'
    remedy = "set it back, or delete the object, which the next run makes again"
    said = ["release hello cannot be changed so:", f"ConfigMap/hello: {refusal}: {remedy}"]
    planned = server.released(only_plan=True)
    assert (planned.why[-1], planned.errors) == ("it would be refused", said)
    done = server.released()
    assert (done.failed, done.errors[-3:-1]) == (True, said)
    assert all(words[0] == "template" for words in server.called())


def test_a_claim_that_the_chart_has_no_more_is_kept(server: Server) -> None:
    installed(server)
    server.record(WISH, config={})
    documents = MANIFEST.split("---\n")
    server.helm("template", says="---\n".join([documents[0], *documents[2:]]))
    server.upgraded = lambda: installed(server)
    planned = server.released(only_plan=True)
    assert planned.why[-1] == (
        "leaves, although the chart has it no more, PersistentVolumeClaim/hello"
    )
    assert server.api.changes == []
    assert not server.released().failed
    kept = {"metadata": {"annotations": {"helm.sh/resource-policy": "keep"}}}
    assert server.api.changes == [("PATCH", CLAIM, kept)]


def test_without_keeping_claims_it_is_not(server: Server) -> None:
    wish = otherwise(keep_claims=False)
    installed(server)
    server.record(wish, config={})
    documents = MANIFEST.split("---\n")
    server.helm("template", says="---\n".join([documents[0], *documents[2:]]))
    assert server.released(wish, only_plan=True).why[-1] == "removes PersistentVolumeClaim/hello"
    assert not server.released(wish).failed
    assert server.api.changes == []


@pytest.mark.parametrize("code", [403, 500])
def test_a_dry_run_that_fails_otherwise_does_not_pass_for_a_yes(server: Server, code: int) -> None:
    installed(server)
    server.record(WISH, config={}, manifest=OTHER)
    given = status(code, "no")
    server.api.meanwhile = lambda method, path: (
        given if method == "PATCH" and path.startswith(JOB) else None
    )
    assert server.released(only_plan=True).why[-1] == "it would be refused"
    assert server.released().failed
    assert all(words[0] == "template" for words in server.called())


ASKS = """
---
{apiVersion: batch/v1, kind: Job, metadata: {name: asks}, spec: {template: {spec: {containers: [
  {name: one, image: busybox}, {name: two, image: "a:1", imagePullPolicy: Always},
  {name: three, image: "b:1"}]}}}}
"""


@pytest.mark.parametrize("there", [False, True])
def test_where_nothing_can_be_pulled_each_container_that_asks_is_told(
    server: Server, *, there: bool
) -> None:
    if there:
        changed(server)
    server.helm("template", says=MANIFEST + ASKS)
    closed = otherwise(never_pulls=True)
    planned = server.released(closed, only_plan=True)
    said = [line.partition(", so it asks a registry")[0] for line in planned.errors]
    container = "release hello: Job/asks: container"
    assert said == [
        f"{container} one (busybox) says no imagePullPolicy, which is Always for `latest`",
        f"{container} two (a:1) says imagePullPolicy: Always",
    ]
    assert server.released(closed).failed
    assert server.api.changes == []
    assert all(words[0] == "template" for words in server.called())
    assert server.released(only_plan=True).errors == []  # where there is a registry
    server.helm("template", says=MANIFEST)
    assert server.released(closed, only_plan=True).errors == []
