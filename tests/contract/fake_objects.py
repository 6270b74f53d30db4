"""An API server that has objects of any kind, and takes what the client asks of them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.contract.fake_kubernetes import Api, merged, status

_LIST = re.compile(
    r"(?P<base>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<space>[^/]+))?/(?P<plural>[a-z]+)"
)
Object = dict[str, Any]


@dataclass
class Objects(Api):
    """Objects by their paths.

    Attributes:
        things: all there is, with what is answered as it is, such as a proxied answer.
        immutable: paths of those that no patch may change.
    """

    things: dict[str, Object] = field(default_factory=dict)
    immutable: set[str] = field(default_factory=set)

    def have(self, path: str, **fields: Any) -> Object:
        """Have an object, named by its path."""
        *_, name = path.split("/")
        space = {"namespace": path.split("/")[-3]} if "/namespaces/" in path else {}
        meta = {"name": name, "uid": "u", "resourceVersion": "1", **space}
        found = merged({"metadata": meta}, copy.deepcopy(fields))
        self.things[path] = found
        return dict(found)

    def _truth(self, method: str, path: str, body: Any, kind: str) -> tuple[int, str]:
        path, _, query = path.partition("?")
        how = {key: values[0] for key, values in parse_qs(query).items()}
        if method == "POST":
            return self._create(f"{path}/{body['metadata']['name']}", body)
        if method == "GET" and path not in self.things and (found := _LIST.fullmatch(path)):
            return 200, json.dumps({"items": list(self._listed(found, how))})
        if path not in self.things:
            return status(404, f'"{path}" not found')
        if method == "DELETE":
            del self.things[path]
            return 200, "{}"
        if method == "PATCH":
            return self._change(path, body, kind, how)
        return 200, json.dumps(self.things[path])

    def _listed(self, asked: re.Match[str], how: dict[str, str]) -> Iterable[Object]:
        labels = dict(each.split("=") for each in how.get("labelSelector", "").split(",") if each)
        for path, each in self.things.items():
            found = _LIST.fullmatch(path.rpartition("/")[0])
            if found is None or found["base"] != asked["base"]:
                continue
            if found["plural"] != asked["plural"] or asked["space"] not in (None, found["space"]):
                continue
            if labels.items() <= (each["metadata"].get("labels") or {}).items():
                yield each

    def _create(self, path: str, body: Object) -> tuple[int, str]:
        if path in self.things:
            return status(409, f'"{path}" already exists')
        return 200, json.dumps(self.have(path, **body))

    def _change(self, path: str, body: Any, kind: str, how: dict[str, str]) -> tuple[int, str]:
        assert kind.endswith("patch+json")
        if path in self.immutable:
            return status(422, f'"{path}" is invalid: spec.template: field is immutable')
        after = merged(self.things[path], body)
        if "dryRun" not in how:
            self.things[path] = after
        return 200, json.dumps(after)


def objects(**things: Object) -> Objects:
    """An API server that has nothing but these, by their paths."""
    api = Objects({})
    for path, each in things.items():
        api.have(path, **each)
    return api
