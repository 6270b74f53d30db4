"""Whether functions can be created, called and deleted, by wsk, by the REST API and by a URL."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pyinfra import host
from pyinfra.api.host import Host

from deploys.openwhisk import causes, functions
from deploys.openwhisk.answers import ActionFailed, NotEnded, failure, message
from deploys.openwhisk.api import RESULT_WITHIN, OpenWhisk
from deploys.openwhisk.cli import Cli
from deploys.openwhisk.deploy import api_host
from deploys.openwhisk.keys import keys_of
from deploys.openwhisk.reach import connect
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine.helm.tests import HELM_TEST, tested
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.run import checks
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
from whisklab.engine.ssh.http import Answer
from whisklab.errors import WhisklabError

PREFIX = "whisklab-verify-"
ACTIONS = "actions"
ACTIVATION = "x-openwhisk-activation-id"  # a header
ACCEPTED, BAD_REQUEST = 202, 400  # HTTP
STALE = 3600.0  # seconds; what is older was left by a verify that was killed
WARM = 5  # calls, of which the median counts
RECORD_WITHIN = 10.0  # seconds until the record of a call is stored
SHARED = frozenset({"github", "samples", "slack", "utils", "websocket"})
ANSWERS, PACKAGES = "OpenWhisk's API answers", "shared packages are installed"
BY_WSK, URL_BY_WSK = "hello.js by wsk", "hello.py by wsk and its URL"
BY_REST, BY_URL = "hello.js by the REST API", "hello.py by its URL"
CLEANED, TESTED = "no function of a check is left", "helm test passes"


@capability("openwhisk", "verify")
def verify(platform: Platform) -> None:
    """On the leader: create, call and delete the user's functions; nothing of it stays."""
    settings = OpenWhiskSettings.of(host)
    if not settings.enabled:
        return
    trial = Trial(settings, platform.api)
    after = (platform.storage.served, platform.ready)  # what it stands on
    works: dict[str, checks.Work] = {
        PACKAGES: trial.packages,
        BY_WSK: trial.by_wsk,
        URL_BY_WSK: trial.url_by_wsk,
        BY_REST: trial.by_rest,
        BY_URL: trial.by_url,
        CLEANED: trial.cleaned,
    }
    checks.check(name="Ask OpenWhisk", what=ANSWERS, work=trial.answers, after_everywhere=after)
    for what, work in host.loop(list(works.items())):
        checks.check(name=f"OpenWhisk: {what}", what=what, work=work, after=(ANSWERS,))
    if checks.asked(HELM_TEST):
        checks.check(name="helm test", what=TESTED, work=trial.helm_test, after=(ANSWERS,))


@dataclass
class Trial:
    """What is tried on the leader; each method is one check."""

    settings: OpenWhiskSettings
    api: kube.Endpoint
    _client: OpenWhisk | None = None
    _made: set[str] = field(default_factory=set)

    def client(self, leader: Host) -> OpenWhisk:
        """Return the API for the guests; the same for all checks, as it counts the calls."""
        if self._client is None:
            self._client = connect(leader, self.api)
        return self._client

    def answers(self, leader: Host) -> str:
        """See that the API is there, knows the key, and what it says that it is."""
        client = self.client(leader)
        about = client.ask("GET", "")
        namespace = client.namespace()
        return f"{what_answers(about)}, namespace {namespace}, at {api_host(leader)}"

    def packages(self, leader: Host) -> str:
        """See that whisk.system shares what the settings imply."""
        wanted = expected_packages(self.settings)
        there = {each["name"] for each in self.client(leader).listed("packages", "whisk.system")}
        if lacking := sorted(wanted - there):
            raise WhisklabError(
                f"/whisk.system lacks {', '.join(lacking)}: see the log of the Job "
                f"{self.settings.release}-install-packages"
            )
        return f"{len(wanted)} in /whisk.system: {', '.join(sorted(wanted))}"

    def by_wsk(self, leader: Host) -> str:
        """Greet through wsk on this server."""
        functions.JAVASCRIPT.require_kind(self.settings)
        with self._action(leader) as name:
            self._cli(leader).greet(name)
        return "Hello, World! and Hello, JavaScript!"

    def url_by_wsk(self, leader: Host) -> str:
        """Create a web action with wsk on this server, ask the URL that wsk says."""
        functions.PYTHON.require_kind(self.settings)
        with self._action(leader) as name:
            self._cli(leader).echo(name)
        return "200, application/json, name Python"

    def by_rest(self, leader: Host) -> checks.Seen:
        """Greet through the API, measuring how long the first call takes and the next ones."""
        functions.JAVASCRIPT.require_kind(self.settings)
        client = self.client(leader)
        with self._action(leader) as name:
            client.put(ACTIONS, name, functions.JAVASCRIPT.action(web=False), overwrite=False)
            record = client.invoke(name, {})
            cold = client.took_ms
            functions.greets(record["response"]["result"], "World")
            named = {"name": "JavaScript"}
            functions.greets(client.invoke(name, named)["response"]["result"], "JavaScript")
            warm = _median(client, lambda: client.invoke(name, named))
        return latencies(cold, init_ms(record), warm)

    def by_url(self, leader: Host) -> checks.Seen:
        """Ask a web action, measuring how long the first call takes and the next ones."""
        functions.PYTHON.require_kind(self.settings)
        client = self.client(leader)
        namespace = client.namespace()
        with self._action(leader) as name:
            client.put(ACTIONS, name, functions.PYTHON.action(web=True), overwrite=False)
            answer, cold = first_answer(client, namespace, name)
            require_ran(client, answer)
            functions.echoes(answer)
            warm = _median(client, lambda: client.web(namespace, name, name="Python"))
            identity = answer.headers.get(ACTIVATION)
            record = client.activation(identity, RECORD_WITHIN) if identity else {}
        return latencies(cold, init_ms(record), warm)

    def cleaned(self, leader: Host) -> str:
        """Delete what is left of this verify, and of one that was killed long ago."""
        client, now = self.client(leader), time.time()
        there = client.listed(ACTIONS)
        old = [each["name"] for each in there if each["name"] in self._made or is_stale(each, now)]
        for name in old:
            client.delete(ACTIONS, name)
        return f"deleted {', '.join(old)}" if old else "nothing is left"

    def helm_test(self, leader: Host) -> str:
        """Run the tests that the chart brings."""
        names = tested(leader, self.api, self.settings.release, self.settings.namespace)
        return ", ".join(names)

    def _why_not_started(self, leader: Host, action: str) -> str | None:
        try:
            return causes.of_pods(Client(leader, self.api), self.settings.namespace, action)
        except WhisklabError:  # the first error is the one to tell
            return None

    def _cli(self, leader: Host) -> Cli:
        pace = self.client(leader).pace
        return Cli(leader, api_host(leader), keys_of(leader, self.api).guest, pace)

    @contextmanager
    def _action(self, leader: Host) -> Iterator[str]:
        """A name that no action has; an action that then has it is deleted at the end."""
        name, done = PREFIX + secrets.token_hex(4), False
        self._made.add(name)
        try:
            yield name
            done = True
        except WhisklabError as error:
            why = self._why_not_started(leader, name)
            if why is None:
                raise
            raise WhisklabError(f"{error}; {why}") from error
        finally:
            try:
                self.client(leader).delete(ACTIONS, name)
            except WhisklabError:
                if done:  # else the first error is the one to tell
                    raise


def first_answer(client: OpenWhisk, namespace: str, name: str) -> tuple[Answer, float]:
    """Return what the URL of an action answers to its first call, and after how many ms.

    A URL waits for 60 s (202 then); a call that takes longer, as one whose image is pulled, goes
    on: it is waited for, and the URL is asked again.

    Raises:
        WhisklabError: as `OpenWhisk.web` and `OpenWhisk.activation` do.
    """
    began = time.monotonic()
    answer = client.web(namespace, name, name="Python")
    if answer.status != ACCEPTED:
        return answer, client.took_ms
    client.activation(answer.headers.get(ACTIVATION, ""), RESULT_WITHIN)
    cold = (time.monotonic() - began) * 1000
    return client.web(namespace, name, name="Python"), cold


def require_ran(client: OpenWhisk, answer: Answer) -> None:
    """Do nothing unless a web action's answer stands for a call that failed; its record says why.

    Raises:
        ActionFailed: with what the record says; with the answer where it is not stored in time.
        WhisklabError: it cannot be asked for.
    """
    identity = answer.headers.get(ACTIVATION)
    if answer.status < BAD_REQUEST or not identity:
        return
    try:
        record = client.activation(identity, RECORD_WITHIN)
    except NotEnded:
        raise ActionFailed(
            f"its URL answers {answer.status}, {message(answer)}; there is no record of the call "
            f"{identity} after {RECORD_WITHIN:.0f} s: `wsk activation get {identity}`"
        ) from None
    if not record["response"].get("success"):
        raise ActionFailed(failure(str(record.get("name", "?")), record))


def what_answers(about: dict[str, Any]) -> str:
    """Return what answers, by its description of itself. Pure."""
    is_standin = "stand-in" in str(about.get("description", ""))
    return "the stand-in, not OpenWhisk itself" if is_standin else "OpenWhisk"


def expected_packages(settings: OpenWhiskSettings) -> set[str]:
    """Return the packages that whisk.system shares with everybody. Pure."""
    providers = {"alarms": settings.alarms, "messaging": settings.kafka_provider}
    return {*SHARED, *(name for name, wanted in providers.items() if wanted)}


def is_stale(action: dict[str, Any], now: float) -> bool:
    """Tell whether an action was left by a check that ended long ago. Pure.

    Args:
        action: its summary; `updated` is in milliseconds, one without it is left alone.
        now: in seconds since the epoch.
    """
    made = float(action.get("updated", now * 1000)) / 1000
    return str(action["name"]).startswith(PREFIX) and now - made > STALE


def init_ms(record: dict[str, Any]) -> float | None:
    """Return how long the code took to be loaded, None where it was not. Pure."""
    notes = {each["key"]: each["value"] for each in record.get("annotations", [])}
    return float(notes["initTime"]) if "initTime" in notes else None


def latencies(cold: float, init: float | None, warm: float) -> checks.Seen:
    """Return milliseconds for people and for programs. Pure."""
    measured = {"cold_ms": round(cold, 1), "warm_ms": round(warm, 1)}
    loading = ""
    if init is not None:
        measured["init_ms"], loading = init, f" (of which init {init:.0f})"
    return checks.Seen(f"cold {cold:.0f} ms{loading}, warm {warm:.0f} ms", measured)


def _median(client: OpenWhisk, call: Callable[[], object]) -> float:
    took = []
    for _ in range(WARM):
        call()
        took.append(client.took_ms)
    return statistics.median(took)
