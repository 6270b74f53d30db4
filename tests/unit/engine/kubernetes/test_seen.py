"""What the API has answered serves whoever asks for it, or for a part of it, as the API would."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisklab.engine import runs
from whisklab.engine.facts import answers, asking
from whisklab.engine.facts.answers import Answers
from whisklab.engine.kubernetes.objects import NO_RECORDS
from whisklab.engine.kubernetes.seen import NOTE, Get, Seen

APPS, CORE, RBAC = "/apis/apps/v1", "/api/v1", "/apis/rbac.authorization.k8s.io/v1"
KINDS = {
    f"{APPS}/deployments": "Deployment", f"{CORE}/configmaps": "ConfigMap",
    f"{CORE}/secrets": "Secret", f"{RBAC}/clusterroles": "ClusterRole", f"{CORE}/nodes": "Node",
    f"{CORE}/pods": "Pod", f"{CORE}/namespaces": "Namespace",
}  # fmt: skip
WHOLE = ("ClusterRole", "Node", "Namespace")
SPACES, NAMES = ("default", "kube-system", "openwhisk"), ("a", "b", "sh.helm.release.v1.x.v1")


def server(*, looked_at: bool = True) -> Any:
    """A server of a run of its own."""
    host: Any = SimpleNamespace(name="master", state=SimpleNamespace())
    if looked_at:
        runs.on(host).part(Answers).of("master").path = Path("asked.json")
    return host


class Api:
    """What the API has, by place, namespace and name."""

    def __init__(self, there: set[tuple[str, str, str]]) -> None:
        self.there = sorted(
            (place, "" if KINDS[place] in WHOLE else space, name) for place, space, name in there
        )

    def answer(self, asked: Get) -> Any:
        """Answer one request; None for what is not there."""
        path, _, query = asked.path.partition("?")
        base, space, plural, name = re.fullmatch(
            r"(/api/v1|/apis/[^/]+/v1)(?:/namespaces/([^/]+)(?=/[a-z]))?/([a-z]+)(?:/(.+))?", path
        ).groups()  # type: ignore[union-attr]
        place = f"{base}/{plural}"
        found = [
            self._object(place, each[1], each[2])
            for each in self.there
            if each[0] == place and space in (None, each[1])
            if not (query and f"?{query}" == NO_RECORDS and each[2].startswith("sh.helm"))
        ]
        kind, version = KINDS[place], base.split("/", 2)[2]
        if not name:
            return {"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": found}
        named = [each for each in found if each["metadata"]["name"] == name]
        return {"kind": kind, "apiVersion": version, **named[0]} if named else None

    @staticmethod
    def _object(place: str, space: str, name: str) -> dict[str, Any]:
        meta = {"name": name} | ({"namespace": space} if space else {})
        return {"metadata": meta, "spec": {"of": [place]}}


def paths(place: str, space: str, name: str) -> list[str]:
    """The ways to ask for an object."""
    base, plural = place.rsplit("/", 1)
    lists = [place] if KINDS[place] in WHOLE else [place, f"{base}/namespaces/{space}/{plural}"]
    return [*lists, f"{lists[-1]}/{name}"]


there = st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(SPACES), st.sampled_from(NAMES))


@given(st.sets(there, max_size=30), there)
def test_a_list_that_was_asked_ahead_answers_as_the_api_would(
    objects: set[tuple[str, str, str]], wanted: tuple[str, str, str]
) -> None:
    api, host = Api(objects), server()
    for path in paths(*wanted):
        asked, seen = Get(path), Seen()
        assert asked.ahead.ahead == asked.ahead
        seen.keep(host, asked.ahead, api.answer(asked.ahead), seen.state(host))
        truth, known = api.answer(asked), seen.know(host, asked)
        if known is None:  # then the API is asked: a list of secrets, for one, has not all
            assert truth is None
        elif truth is None or "items" not in truth:
            assert known == (truth,)
        else:
            assert known[0]["items"] == truth["items"]


@pytest.mark.parametrize(
    ("path", "ahead"),
    [
        (f"{CORE}/nodes/a", f"{CORE}/nodes?limit=500"),
        (f"{APPS}/namespaces/x/deployments", f"{APPS}/deployments?limit=500"),
        (f"{CORE}/namespaces/x/secrets/s", f"{CORE}/namespaces/x/secrets{NO_RECORDS}"),
        (f"{CORE}/namespaces/x/secrets/sh.helm.release.v1.x.v1", None),
        (f"{CORE}/namespaces/x/secrets", None),
        (f"{CORE}/namespaces/x/pods/p", None),
        (f"{CORE}/events", None),
        (f"{CORE}/nodes?limit=1", None),
        (f"{CORE}/namespaces/x/pods/p/log", None),
        ("/readyz", None),
        ("/apis/example.org/v1", None),
    ],
)
def test_what_is_asked_ahead(path: str, ahead: str | None) -> None:
    assert Get(path).ahead == Get(ahead or path)
    other = Get(path, "application/json;as=PartialObjectMetadataList")
    assert other.ahead == other


def keeping(host: Any) -> Seen:
    """A run that knows the nodes."""
    seen = runs.on(host).part(Seen)
    seen.keep(
        host, Get(f"{CORE}/nodes"), {"items": [{"metadata": {"name": "a"}}]}, seen.state(host)
    )
    return seen


NODES = Get(f"{CORE}/nodes")


def test_what_is_known_is_the_askers_own() -> None:
    host = server()
    seen = keeping(host)
    first = seen.know(host, NODES)
    assert first
    first[0]["items"].clear()
    assert seen.know(host, NODES) == ({"items": [{"metadata": {"name": "a"}}]},)
    other: Any = SimpleNamespace(name="other", state=host.state)
    assert seen.know(other, NODES) is None


def test_a_command_that_may_change_anything_makes_it_old() -> None:
    host = server()
    seen, run = keeping(host), runs.on(host).part(Answers)
    with run.changing():
        assert seen.know(host, NODES) is None
        keeping(host)  # of something that is being waited for
        assert seen.know(host, NODES) is None
    assert seen.know(host, NODES) is None
    keeping(host)
    assert seen.know(host, NODES)


def test_who_waits_for_a_change_asks_anew_and_what_he_sees_is_not_kept() -> None:
    host = server()
    seen, run = keeping(host), runs.on(host).part(Answers)
    with run.anew():
        assert seen.know(host, NODES) is None
        seen.keep(host, NODES, {"items": []}, seen.state(host))
    assert seen.know(host, NODES) == ({"items": [{"metadata": {"name": "a"}}]},)


def test_what_was_asked_before_a_change_is_not_kept_after_it() -> None:
    host, seen = server(), Seen()
    before = seen.state(host)
    with runs.on(host).part(Answers).changing():
        pass
    seen.keep(host, NODES, {"items": []}, before)
    assert seen.know(host, NODES) is None


def test_a_lock_that_was_not_held_makes_it_old() -> None:
    host = server()
    seen = keeping(host)
    asking.changed_before(host)
    assert seen.know(host, NODES) is None


def test_it_does_not_last(monkeypatch: pytest.MonkeyPatch) -> None:
    host = server()
    seen = keeping(host)
    monkeypatch.setattr("whisklab.engine.kubernetes.seen.LASTS", -1)
    assert seen.know(host, NODES) is None
    assert answers.LASTS > 0


def test_of_a_server_that_was_not_looked_at_nothing_is_known() -> None:
    host = server(looked_at=False)
    assert keeping(host).know(host, NODES) is None


def test_a_list_that_goes_on_answers_for_nothing_else() -> None:
    host, seen = server(), Seen()
    whole = {"kind": "NodeList", "apiVersion": "v1", "metadata": {"continue": "x"}, "items": []}
    seen.keep(host, NODES.ahead, copy.deepcopy(whole), seen.state(host))
    assert seen.know(host, NODES) is None
    assert seen.know(host, NODES.ahead) == (whole,)


@pytest.mark.parametrize(
    "odd",
    [[], "text", {}, {"items": []}, {"kind": "NodeList", "apiVersion": "v1", "items": "x"},
     {"kind": "NodeList", "apiVersion": "v1", "items": [1]},
     {"kind": "NodeList", "apiVersion": "v1", "items": [{"spec": {}}]}],
)  # fmt: skip
def test_what_is_no_list_of_objects_answers_for_nothing_else(odd: Any) -> None:
    host, seen = server(), Seen()
    seen.keep(host, NODES.ahead, odd, seen.state(host))
    assert seen.know(host, NODES) is None
    assert seen.know(host, Get(f"{CORE}/nodes/a")) is None


def test_the_next_run_is_told_what_was_asked_but_not_what_was_waited_for() -> None:
    host, seen = server(), Seen()
    run = runs.on(host).part(Answers)
    seen.note(host, ["/k3s.yaml", 6443], NODES)
    with run.changing():
        seen.note(host, ["/k3s.yaml", 6443], Get(f"{CORE}/events"))
    ((kind, text),) = run.of("master").notes
    assert kind == NOTE
    assert json.loads(text) == ["/k3s.yaml", 6443, f"{CORE}/nodes?limit=500", "application/json"]
