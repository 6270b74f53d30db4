"""What `openwhisk` reads from the data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from deploys.openwhisk.runtimes import NODEJS, RUNTIMES, RUNTIMES_FILE, Runtime, lacking
from whisklab.engine.data.names import Name, ReachableHost, ReleaseName
from whisklab.engine.data.settings import Settings

Positive = Annotated[int, Field(ge=1)]
# Helm writes a larger number as 1e+06, which the controller cannot read.
Rate = Annotated[int, Field(ge=1, le=999_999)]
Image = Annotated[str, Field(pattern=r"^.+:[^/:]+$")]
Key = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}:\w{64}$")]  # as wsk knows it: UUID:letters
PASSWORD = re.compile(r"[A-Za-z0-9._~-]+")


class ChartEdit(BaseModel):
    """A change of one file of the chart, tied to lines that must be there.

    Attributes:
        file: its path inside the chart.
        anchor: whole lines, as the chart has them; their indentation does not count.
        text: what takes their place, or stands before or after them; `${NAME}` is ours.
        where: which of the three.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    file: str
    anchor: Annotated[str, Field(min_length=1)]
    text: str
    where: Literal["replace", "before", "after"] = "replace"


class OpenWhiskSettings(Settings):
    """OpenWhisk: the release owdev.

    Attributes:
        enabled: False uninstalls it; claims and data stay.
        version: of the chart, a git commit; None takes the catalogue's default.
        release: its name, and the prefix of all its objects.
        namespace: of the release.
        api_host: how users reach the API; None: the address of the first master.
        api_port: on each node; also what wsk and `whisklab forward` use.
        storage_class: of its claims; None: provisioner_storage_class.
        image_prefix: before each image's name, such as "10.0.0.14:5000/"; "" for Docker Hub.
        kafka_image: the chart's own is gone from Docker Hub.
        runtimes: kinds of actions by language, one of each the default; those of the chart:
            {"nodejs": [{"kind": "nodejs:14", "image": "openwhisk/action-nodejs-v14:1.20.0",
            "default": True, "prewarm": 2}, ...], ...}. nodejs must be there; upstream's own
            packages also want swift, and python:3 for Kafka's.
        invokers: how many, each on a node of its own with the label openwhisk-role=invoker.
        user_memory_mb: of an invoker for actions: 2048 / 256 = 8 actions at once.
        action_memory_mb: of an action that does not say.
        action_memory_max_mb: what an action may ask for.
        invocations_per_minute: of one namespace; load tests want 100000; 999999 at most.
        invocations_concurrent: of one namespace at one time.
        triggers_per_minute: of one namespace.
        alarms: the provider of timed triggers.
        kafka_provider: the provider of triggers from Kafka.
        scheduler: the newer scheduler, which brings etcd.
        metrics: Prometheus, Grafana and user events.
        controller_heap_mb: Java heap of the controller; None: the chart's.
        invoker_heap_mb: Java heap of an invoker; None: the chart's.
        certificate: path of a PEM file for the API, with those that lead to its authority; None:
            one is made, which the environment's authority signs, and which nodes trust.
        certificate_key: path of its key.
        certificate_names: further names and addresses by which the API is reached.
        public_credentials: take the keys and the password that the chart publishes and everybody
            knows. False takes those below, or generates what is not given in
            .secrets/<environment>/.
        guest_auth: key of the namespace `guest`.
        system_auth: key of the namespace `whisk.system`.
        db_password: of CouchDB; letters, digits and `._~-`, as the chart's scripts quote nothing.
        architectures: of the nodes that its images run on; all of upstream's are for amd64.
        offline: True: its jobs get what they clone from our own file server.
        sources_url: where those archives are, instead of our file server.
        chart_edits: changes of the chart's files, such as {"file":
            "configMapFiles/initCouchDB/initdb.sh", "anchor": "a whole line of it", "text": "what
            takes its place", "where": "replace"}, or "before", or "after". An anchor that is not
            there is an error. ${RELEASE}, ${NAMESPACE} and ${SOURCES} are filled in; $${NAME}
            stays ${NAME}.
        chart_files: {path in the chart: path on the laptop}.
        values: further values of the chart, over all of the above.
        timeout: seconds until it must be ready.
    """

    prefix: ClassVar[str] = "openwhisk_"
    closed: ClassVar[Mapping[str, Any]] = MappingProxyType({"offline": True})

    enabled: bool = True
    version: str | None = None
    release: ReleaseName = "owdev"
    namespace: Name = "openwhisk"
    api_host: ReachableHost | None = None
    api_port: Annotated[int, Field(ge=30000, le=32767)] = 31001
    storage_class: str | None = None
    image_prefix: Annotated[str, Field(pattern=r"^(.+/)?$")] = ""
    kafka_image: Image = "fatal69100/kafka:2.8.1"
    runtimes: dict[str, list[Runtime]] = RUNTIMES
    invokers: Positive = 1
    user_memory_mb: Positive = 2048
    action_memory_mb: Positive = 256
    action_memory_max_mb: Positive = 512
    invocations_per_minute: Rate = 60
    invocations_concurrent: Rate = 30
    triggers_per_minute: Rate = 60
    alarms: bool = True
    kafka_provider: bool = True
    scheduler: bool = False
    metrics: bool = False
    controller_heap_mb: Positive | None = None
    invoker_heap_mb: Positive | None = None
    certificate: str | None = None
    certificate_key: str | None = None
    certificate_names: list[ReachableHost] = []
    public_credentials: bool = False
    guest_auth: Annotated[Key | None, Field(repr=False)] = None
    system_auth: Annotated[Key | None, Field(repr=False)] = None
    db_password: Annotated[str | None, Field(repr=False)] = None
    architectures: list[str] = ["amd64"]
    offline: bool = False
    sources_url: Annotated[str | None, Field(pattern=r"^https?://[^\s'\"]+$")] = None
    chart_edits: list[ChartEdit] = []
    chart_files: dict[str, str] = {}
    values: Annotated[dict[str, Any], Field(repr=False)] = {}
    timeout: Positive = 900

    @field_validator("db_password")
    @classmethod
    def _is_a_word(cls, password: str | None) -> str | None:
        # The chart's jobs put it unquoted into shell words and into URLs.
        if password is not None and not PASSWORD.fullmatch(password):
            raise ValueError("expected only letters, digits and . _ ~ - (at least one of them)")
        return password

    @model_validator(mode="after")
    def _memory_fits(self) -> Self:
        if not self.action_memory_mb <= self.action_memory_max_mb <= self.user_memory_mb:
            raise ValueError(
                "openwhisk_action_memory_mb, openwhisk_action_memory_max_mb, "
                f"openwhisk_user_memory_mb: expected them in rising order, not "
                f"{self.action_memory_mb}, {self.action_memory_max_mb}, {self.user_memory_mb}"
            )
        return self

    @model_validator(mode="after")
    def _one_default_each(self) -> Self:
        if NODEJS not in self.runtimes:
            raise ValueError(
                f"openwhisk_runtimes: expected kinds of {NODEJS} among them: the controller does "
                f"not start without {NODEJS}:default"
            )
        for language, kinds in self.runtimes.items():
            defaults = [each.kind for each in kinds if each.default]
            if len(defaults) != 1:
                raise ValueError(
                    f"openwhisk_runtimes: {language}: expected one default kind, "
                    f"there are {', '.join(defaults) or 'none'}"
                )
        return self

    @model_validator(mode="after")
    def _packages_install(self) -> Self:
        theirs = not self.enabled or RUNTIMES_FILE in self.chart_files
        wrong = [] if theirs else lacking(self.runtimes, kafka_provider=self.kafka_provider)
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @model_validator(mode="after")
    def _given_together(self) -> Self:
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("openwhisk_certificate and openwhisk_certificate_key go together")
        given = self.guest_auth or self.system_auth or self.db_password
        if self.public_credentials and given:
            raise ValueError(
                "openwhisk_public_credentials: expected False where a key or password is given"
            )
        if self.guest_auth is not None and self.guest_auth == self.system_auth:
            raise ValueError("openwhisk_guest_auth and openwhisk_system_auth: expected two keys")
        return self
