"""The verbs of the client: what each sends, and what of its answers is no error."""

from __future__ import annotations

from typing import Any

import pytest

from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import FOREGROUND, Client

AT = "/api/v1/namespaces/a/configmaps"
SERVER: Any = None  # nobody asks there
ENDPOINT = kube.Endpoint("/kubeconfig", 6443)


class Api:
    """Gives one answer, and writes down what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.asked = answer, list[tuple[Any, ...]]()

    def request(self, server: Any, endpoint: Any, *asked: Any, **how: Any) -> Any:
        assert (server, endpoint) == (SERVER, ENDPOINT)
        self.asked.append((*asked, how))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def having(monkeypatch: pytest.MonkeyPatch, answer: Any) -> tuple[Client, Api]:
    """A client, and the API that answers it."""
    api = Api(answer)
    monkeypatch.setattr(kube, "request", api.request)
    return Client(SERVER, ENDPOINT), api


def test_what_the_verbs_send(monkeypatch: pytest.MonkeyPatch) -> None:
    client, api = having(monkeypatch, {"items": [{"a": 1}]})
    assert client.items(AT) == [{"a": 1}]
    assert client.items(AT, anew=True) == [{"a": 1}]
    client.create(AT, {"b": 1})
    client.merge(f"{AT}/x", {"c": 1})
    client.patch(f"{AT}/x", {"d": 1}, kube.STRATEGIC)
    client.tried(f"{AT}/x", {"e": 1}, kube.MERGE)
    assert client.delete(f"{AT}/x", FOREGROUND)
    merge, strategic = {"content_type": kube.MERGE}, {"content_type": kube.STRATEGIC}
    assert api.asked == [
        ("GET", AT, None, {}),
        ("GET", AT, None, {"anew": True}),
        ("POST", AT, {"b": 1}, {}),
        ("PATCH", f"{AT}/x", {"c": 1}, merge),
        ("PATCH", f"{AT}/x", {"d": 1}, strategic),
        ("PATCH", f"{AT}/x?dryRun=All&fieldManager=whisklab", {"e": 1}, merge),
        ("DELETE", f"{AT}/x", {"propagationPolicy": "Foreground"}, {}),
    ]


def test_an_empty_list_may_be_null(monkeypatch: pytest.MonkeyPatch) -> None:
    assert having(monkeypatch, {"items": None})[0].items(AT) == []


def test_a_log_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    client, api = having(monkeypatch, "one\ntwo\n")
    assert client.text(f"{AT}/log") == "one\ntwo\n"
    assert api.asked == [("GET", f"{AT}/log", None, {"accept": "*/*"})]


def test_what_is_not_there_is_none_and_is_not_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    client, _ = having(monkeypatch, kube.Refused(404, "not found"))
    assert client.get(AT) is None
    assert not client.delete(AT)
    with pytest.raises(kube.Refused):
        client.items(AT)


@pytest.mark.parametrize("error", [kube.Refused(403, "no"), kube.Unreachable("away")])
def test_other_errors_are_passed_on(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    client, _ = having(monkeypatch, error)
    for verb in (client.get, client.items, client.delete):
        with pytest.raises(type(error)):
            verb(AT)
