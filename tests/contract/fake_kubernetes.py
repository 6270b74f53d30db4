"""An API server for the real client, and operations that are planned and carried out before it."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3
from pyinfra import logger
from pyinfra.api import State
from pyinfra.api.command import PyinfraCommand
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_host_op
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_inventory, ctx_state

from tests.contract.test_file_operations import with_local_state
from whisklab.engine import reasons
from whisklab.engine.kubernetes import kube
from whisklab.engine.progress import PROGRESS
from whisklab.engine.reasons import Reason
from whisklab.errors import WhisklabError

HERE = "@local"
ENDPOINT = kube.Endpoint("/no such kubeconfig", 6443)
NODES, PODS = "/api/v1/nodes", "/api/v1/pods"

Given = tuple[int, str] | Exception  # what is answered in place of the truth
Change = tuple[str, str, Any]  # method, path, body


def status(code: int, message: str) -> tuple[int, str]:
    """Kubernetes' own form of an error."""
    return code, json.dumps({"kind": "Status", "code": code, "message": message})


DOES_NOT_ANSWER = f"the Kubernetes API of {HERE} does not answer"
NOT_NOW = f"the Kubernetes API of {HERE} cannot answer now"
FAILS = f"the Kubernetes API of {HERE} fails: "
# By name: the answer, what a plan is told to wait for, and the sentence when that never comes.
SILENT: dict[str, tuple[Given, str, str]] = {
    "cut": (urllib3.exceptions.ProtocolError("cut"), "the API answers", DOES_NOT_ANSWER),
    "slow": (urllib3.exceptions.TimeoutError("slow"), "the API answers", DOES_NOT_ANSWER),
    "refused": (ConnectionRefusedError(), "the API answers", DOES_NOT_ANSWER),
    "half": (urllib3.exceptions.IncompleteRead(9, 9), "the API answers", DOES_NOT_ANSWER),
    "502": ((502, "<html>bad gateway</html>"), "the API answers", NOT_NOW),
    "503": (status(503, "not ready"), "the API answers", NOT_NOW),
    "504": ((504, ""), "the API answers", NOT_NOW),
    "no JSON": ((200, "<html>"), "the API answers",
                f"what answers for the Kubernetes API of {HERE} is no JSON: '<html>'"),
    "half of it": ((200, '{"items": ['), "the API answers",
                   f"what answers for the Kubernetes API of {HERE} is no JSON: '{{\"items\": ['"),
    "500": (status(500, "no leader"), f"the API answers otherwise ({FAILS}no leader)",
            f"{FAILS}no leader"),
    "500, garbage": ((500, "\x00<oops"), f"the API answers otherwise ({FAILS}\x00<oops)",
                     f"{FAILS}\x00<oops"),
}  # fmt: skip
# By name: the answer, and its sentence.
REFUSALS: dict[str, tuple[Given, str]] = {
    "400": ((400, "<html>"), "<html>"),
    "401": (status(401, "Unauthorized"), "Unauthorized"),
    "403": (status(403, "nodes is forbidden"), "nodes is forbidden"),
    "409": (status(409, "modified"), "modified"),
    "422": (status(422, "is invalid"), "is invalid"),
    "418, nothing": ((418, ""), "the Kubernetes API answers 418"),
    "400, odd": ((400, '{"message": 1, "details": []}'), "1"),
}


def node(
    name: str,
    *,
    ready: str | None = "True",
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    taints: Iterable[Mapping[str, str]] = (),
    cordoned: bool = False,
) -> dict[str, Any]:
    """A node as the API has it: what is empty is left out."""
    other = {"type": "DiskPressure", "status": "True"}
    conditions = [other] if ready is None else [other, {"type": "Ready", "status": ready}]
    meta = {"name": name, "resourceVersion": "7"}
    spec: dict[str, Any] = {"podCIDR": "10.42.0.0/24"}
    return {
        "metadata": meta | _filled(labels=labels, annotations=annotations),
        "spec": spec | _filled(taints=list(taints), unschedulable=cordoned),
        "status": {"conditions": conditions},
    }


def _filled(**fields: Any) -> dict[str, Any]:
    return {key: copy.deepcopy(value) for key, value in fields.items() if value}


def merged(old: Any, patch: Any) -> Any:
    """What a JSON merge patch makes (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    base = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = merged(base.get(key), value)
    return base


@dataclass(frozen=True)
class Answer:
    """As urllib3's."""

    status: int
    data: bytes


@dataclass
class Api:
    """Nodes and pods, in place of the connection that the client would make.

    Attributes:
        nodes: by name.
        pods: all of them.
        meanwhile: hears of each request before it is answered; may change things, or answer.
        asked: the paths that were looked at.
        changes: all other requests.
    """

    nodes: dict[str, dict[str, Any]]
    pods: list[dict[str, Any]] = field(default_factory=list)
    meanwhile: Callable[[str, str], Given | None] | None = None
    asked: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def request(
        self, method: str, url: str, *, body: str | None, headers: Any, timeout: urllib3.Timeout
    ) -> Answer:
        """Answer one request of the client, which does not wait for ever."""
        assert timeout.read_timeout
        path = url.removeprefix(f"https://127.0.0.1:{ENDPOINT.port}")
        sent = None if body is None else json.loads(body)
        if method == "GET":
            self.asked.append(path)
        else:
            self.changes.append((method, path, sent))
        given = self.meanwhile(method, path) if self.meanwhile else None
        if isinstance(given, Exception):
            raise given
        code, text = given or self._truth(method, path, sent, headers["Content-Type"])
        return Answer(code, text.encode())

    def _truth(self, method: str, path: str, body: Any, kind: str) -> tuple[int, str]:
        if (method, path) == ("GET", NODES):
            return 200, json.dumps({"items": list(self.nodes.values())})
        if (method, path) == ("GET", PODS):
            return 200, json.dumps({"items": self.pods})
        name = path.removeprefix(f"{NODES}/")
        if name not in self.nodes:
            return status(404, f'"{path}" not found')
        if method == "GET":
            return 200, json.dumps(self.nodes[name])
        if (method, kind) == ("PATCH", kube.MERGE):
            return self._patch(name, body)
        return status(405, f"{method} of {kind} is not what was to come")

    def _patch(self, name: str, body: Any) -> tuple[int, str]:
        version = self.nodes[name]["metadata"]["resourceVersion"]
        if body["metadata"].get("resourceVersion", version) != version:
            return status(409, "the object has been modified")
        after = merged(self.nodes[name], body)
        taints = [(each["key"], each["effect"]) for each in after["spec"].get("taints", ())]
        if len(taints) != len(set(taints)):
            return status(422, "taints must be unique by key and effect pair")
        if after != self.nodes[name]:
            self.touch(name, after)
        return 200, json.dumps(self.nodes[name])

    def touch(self, name: str, after: dict[str, Any]) -> None:
        """Have a node as somebody has made it: with a version of its own."""
        version = int(self.nodes[name]["metadata"]["resourceVersion"]) + 1
        self.nodes[name] = merged(after, {"metadata": {"resourceVersion": str(version)}})


def of(*nodes: dict[str, Any], pods: Iterable[dict[str, Any]] = ()) -> Api:
    """An API server that has these."""
    return Api({each["metadata"]["name"]: copy.deepcopy(each) for each in nodes}, list(pods))


def serve(monkeypatch: pytest.MonkeyPatch, api: Api, *, host: str = HERE) -> Api:
    """Have this API answer at a host, and no other one anywhere."""
    stock = kube._connect

    def connect(to: Host, endpoint: kube.Endpoint) -> Any:
        return api if to.name == host else stock(to, endpoint)

    monkeypatch.setattr(kube, "_connect", connect)
    return api


def after(looks: int, path: str, does: Callable[[], object], first: Given | None = None) -> Any:
    """A `meanwhile`: something happens at a later look at a path; before, `first` is answered."""
    left = looks

    def meanwhile(method: str, asked: str) -> Given | None:
        nonlocal left
        if (method, asked) == ("GET", path):
            left -= 1
            if left == 0:
                does()
        return first if left > 0 and asked == path else None

    return meanwhile


def always(given: Given, *, method: str = "GET") -> Callable[[str, str], Given | None]:
    """A `meanwhile`: requests of a method get this answer."""
    return lambda how, _path: given if how == method else None


@dataclass
class Done:
    """What an operation did.

    Attributes:
        planned: whether its plan has something to do.
        reasons: what the plan says.
        commands: what was then carried out, in order.
        failed: whether its host failed, in the plan or later.
        errors: what was said as errors.
        told: what was said as progress.
    """

    planned: bool = False
    reasons: tuple[Reason, ...] = ()
    commands: list[PyinfraCommand] = field(default_factory=list)
    failed: bool = False
    errors: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def idle(self) -> bool:
        """Whether there was nothing to do, and nothing to say."""
        return (self.planned, self.reasons, self.commands, self.failed) == (False, (), [], False)

    @property
    def why(self) -> list[str]:
        """The plan's reasons."""
        return [each.text for each in self.reasons]


class _Ear(logging.Handler):
    def __init__(self, done: Done) -> None:
        super().__init__()
        self._done = done

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        assert "Traceback" not in said, said
        if record.levelno >= logging.ERROR:
            self._done.errors.append(said.removeprefix(f"[{HERE}] "))
        elif record.levelno == PROGRESS:
            self._done.told.append(said)


@contextmanager
def _heard(done: Done) -> Iterator[None]:
    ear, level = _Ear(done), logger.level
    logger.addHandler(ear)
    logger.setLevel(PROGRESS)
    try:
        yield
    finally:
        logger.removeHandler(ear)
        logger.setLevel(level)


def plan(operation: Any, **arguments: Any) -> Done:
    """Have an operation look only."""
    return _done(operation, arguments, lambda: None, execute=False)


def carry_out(
    operation: Any, *, between: Callable[[], object] = lambda: None, **arguments: Any
) -> Done:
    """Have an operation look, and do what there is; `between` the two something happens."""
    return _done(operation, arguments, between, execute=True)


def _done(operation: Any, arguments: Any, between: Callable[[], object], *, execute: bool) -> Done:
    done = Done()

    def work(state: State) -> None:
        here = next(iter(state.inventory))
        state.set_stage(StateStage.Prepare)
        with ctx_inventory.use(state.inventory):
            meta = add_op(state, operation, **arguments)[here]
        done.planned = meta.will_change
        done.reasons = reasons.reasons_of(here, meta._hash)
        if not execute:
            return
        between()
        state.set_stage(StateStage.Execute)
        state.is_executing = True
        with ctx_inventory.use(state.inventory), ctx_state.use(state), ctx_host.use(here):
            done.failed = not run_host_op(state, here, meta._hash)
        done.commands = meta._commands or []

    with _heard(done):
        try:
            with_local_state(work)
        except WhisklabError as error:  # the engine's hooks make it an error of the host
            done.failed = True
            done.errors.append(str(error))
        except PyinfraError:  # no host is left; why was said
            done.failed = True
    return done
