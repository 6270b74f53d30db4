"""The invoker: from a message of its topic to a record in the store and an answer."""

from __future__ import annotations

from openwhisk_standin.calls import Unreachable
from openwhisk_standin.documents import Conflict, Documents, StoreError, couchdb
from openwhisk_standin.invoker.containers import Containers, LogsMissing, NoContainer
from openwhisk_standin.invoker.pool import Member, Pool, Wanted
from openwhisk_standin.invoker.records import Times, milliseconds_now, record_of
from openwhisk_standin.invoker.running import Result, not_provisioned
from openwhisk_standin.life import in_background, rest, say
from openwhisk_standin.manifest import Manifest
from openwhisk_standin.topics import follow, kafka, send
from openwhisk_standin.values import BadSetting, Doc, megabytes, ordinal, setting
from openwhisk_standin.web import Handler, Request, Response, as_json, as_text

_PING = 1.0  # seconds, as upstream's
_IDLE = 600.0  # seconds until an idle container is removed, as upstream's


class Invoker:
    """One invoker."""

    def __init__(self, containers: Containers, idle: float = _IDLE) -> None:
        """Read the environment.

        Raises:
            BadSetting: it lacks something.
        """
        self.number = ordinal(setting("INVOKER_NAME"))
        self._memory = megabytes(setting("CONFIG_whisk_containerPool_userMemory", "2048m"))
        self._manifest = Manifest.from_environment()
        self._registry = setting("CONFIG_whisk_containerFactory_runtimesRegistry_url", " ").strip()
        self._records = Documents(
            couchdb(), setting("CONFIG_whisk_couchdb_databases_WhiskActivation")
        )
        self._broker = kafka()
        self._containers = containers
        self._pool = Pool(containers, self._memory, _environment(), idle)

    def begin(self) -> Handler:
        """Take activations in the background; returns what answers probes.

        Raises:
            Unreachable: what an earlier process left could not be removed.
        """
        self._containers.clean()
        self._pool.begin()
        self._pool.prewarm(list(self._manifest.runtimes.values()), self._registry)
        topic = f"invoker{self.number}"
        in_background(lambda: follow(self._broker, topic, self._take), topic)
        in_background(self._ping, "ping")
        return _probed

    def _ping(self) -> None:
        message: Doc = {"invoker": self.number, "memory": self._memory, "started": True}
        away = False
        while True:
            try:
                send(self._broker, "health", message)
                message["started"] = away = False
            except Unreachable as error:
                if not away:
                    say(f"kafka cannot be told that this invoker is there: {error}")
                away = True
            if rest(_PING):
                return

    def _take(self, message: Doc) -> None:
        in_background(lambda: self._activate(message), message["activationId"])

    def _activate(self, message: Doc) -> None:
        action = message["action"]
        what = f"activation {message['activationId']} of {action['namespace']}/{action['name']}"
        try:
            wanted = self._wanted(action)
            member = self._pool.take(wanted)
            while member.key and not member.runner.connects():
                say(f"container {member.container.name} is gone")
                self._pool.remove(member)
                member = self._pool.take(wanted)
        except (NoContainer, BadSetting) as error:
            say(f"{what} has no container: {error}")
            now = milliseconds_now()
            times = Times(now, now - message["created"], None)
            self._finish(message, record_of(message, not_provisioned(), times), [])
            return
        result, times = _run(member, message, wanted.key)
        say(f"{what}: status {result.code}, {milliseconds_now() - times.start} ms")
        record = record_of(message, result, times)
        self._answer(message, {"record": record})
        logs = _logs(member, action)
        failed = result.code not in (0, 1)
        if failed or message.get("test"):
            self._pool.remove(member)
        else:
            self._pool.give_back(member)
        self._finish(message, record, logs)

    def _wanted(self, action: Doc) -> Wanted:
        code = action["exec"]
        image = code.get("image", "")
        if not image:
            runtime = self._manifest.resolve(code["kind"])
            if runtime is None:
                raise BadSetting(f"kind {code['kind']} is not among this invoker's runtimes")
            image = f"{self._registry}{runtime.image}"
        full = f"{action['namespace']}/{action['name']}"
        memory = action["limits"]["memory"]
        key = f"{full}@{action.get('_rev', action['version'])}#{memory}"
        return Wanted(key, full.replace("/", "-"), image, memory)

    def _finish(self, message: Doc, record: Doc, logs: list[str]) -> None:
        if not message.get("test"):
            name = f"{record['namespace']}/{record['activationId']}"
            stored = {**record, "logs": logs, "entityType": "activation"}
            try:
                self._records.put(name, stored)
            except (Unreachable, StoreError, Conflict) as error:
                say(f"the record of activation {record['activationId']} is lost: {error}")
        failed = record["response"]["statusCode"] != 0
        self._answer(message, {"record": record, "completed": True, "failed": failed})

    def _answer(self, message: Doc, answer: Doc) -> None:
        topic = f"completed{message['controller']}"
        try:
            send(self._broker, topic, {"activationId": message["activationId"], **answer})
        except Unreachable as error:
            say(f"the answer of activation {message['activationId']} is lost: {error}")


def _run(member: Member, message: Doc, key: str) -> tuple[Result, Times]:
    action, start, initialized = message["action"], milliseconds_now(), None
    waited = start - message["created"]
    about = {
        "namespace": message["namespace"],
        "action_name": f"/{action['namespace']}/{action['name']}",
        "action_version": action["version"],
        "activation_id": message["activationId"],
        "transaction_id": message["activationId"],
    }
    annotations = {each["key"]: each["value"] for each in action["annotations"]}
    # Without the annotation an action has the key: upstream's rule for those of before it.
    if annotations.get("provide-api-key", True):
        about["api_key"] = message["key"]
    if not member.key:
        env = {f"__OW_{name.upper()}": value for name, value in about.items()}
        wrong = member.runner.init(action, env)
        initialized = milliseconds_now() - start
        if wrong is not None:
            return wrong, Times(start, waited, initialized)
        member.key = key
    result = member.runner.run(action, message["arguments"], about)
    return result, Times(start, waited, initialized)


def _logs(member: Member, action: Doc) -> list[str]:
    if not action["limits"]["logs"]:
        return []
    try:
        lines = member.container.logs()
    except LogsMissing as error:
        text = "There was an issue while collecting your logs. Data might be missing."
        lines = [*error.lines, text]
    return lines


def _environment() -> dict[str, str]:
    proto, name = setting("WHISK_API_HOST_PROTO", "https"), setting("WHISK_API_HOST_NAME", "")
    port = setting("WHISK_API_HOST_PORT", "")
    return {"__OW_API_HOST": f"{proto}://{name}{f':{port}' if port else ''}"}


def _probed(request: Request) -> Response:
    return as_text("pong") if request.path == "/ping" else as_json({"error": "no such path"}, 404)
