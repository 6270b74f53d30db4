"""The kinds of actions: which image runs them, and the runtimes.json made of that. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

# Kinds that are given an archive instead of a text, and so need to be told where to begin.
ARCHIVES = {"java": ("jarfile", "application/java-archive")}
MAIN_NEEDED = {"java", "dotnet"}
CODE = ("codefile", "text/plain")
RUNTIMES_FILE = "runtimes.json"  # in the chart; it takes a file's name, no content
NODEJS, SWIFT, PYTHON = "nodejs", "swift", "python:3"  # what the chart's own packages are of
BLACKBOX = "openwhisk/dockerskeleton:1.14.0"


class Runtime(BaseModel):
    """A kind of actions.

    Attributes:
        kind: such as nodejs:14.
        image: what runs it, with its tag; the setting `image_prefix` comes before it.
        default: whether it is meant by `nodejs:default`.
        deprecated: existing actions go on, new ones are refused.
        prewarm: how many containers wait for a first call of this kind, on each invoker.
        prewarm_memory_mb: their memory; actions of another size do not use them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: Annotated[str, Field(pattern=r"^[a-z]+:[\w.]+$")]
    image: Annotated[str, Field(pattern=r"^[^:]+/[^:/]+:[^/:]+$")]
    default: bool = False
    deprecated: bool = False
    prewarm: Annotated[int, Field(ge=0)] = 0
    prewarm_memory_mb: Annotated[int, Field(ge=1)] = 256


def _kind(kind: str, image: str, *, default: bool = True, prewarm: int = 0) -> Runtime:
    return Runtime(kind=kind, image=f"openwhisk/{image}", default=default, prewarm=prewarm)


# As the chart's own runtimes.json has them (commit 108f3275), without what is not built any more.
RUNTIMES: dict[str, list[Runtime]] = {
    "nodejs": [
        _kind("nodejs:14", "action-nodejs-v14:1.20.0", prewarm=2),
        _kind("nodejs:16", "action-nodejs-v16:1.20.0", default=False),
    ],
    "python": [_kind("python:3", "action-python-v3.7:1.17.0")],
    "java": [_kind("java:8", "java8action:1.17.0")],
    "go": [_kind("go:1.17", "action-golang-v1.17:1.20.0")],
    "php": [_kind("php:7.4", "action-php-v7.4:1.17.0")],
    "ruby": [_kind("ruby:2.5", "action-ruby-v2.5:1.17.0")],
    "swift": [
        _kind("swift:4.2", "action-swift-v4.2:1.17.0"),
        _kind("swift:5.4", "action-swift-v5.4:1.17.0", default=False),
    ],
    "rust": [_kind("rust:1.34", "action-rust-v1.34:1.3.0")],
    "dotnet": [
        _kind("dotnet:2.2", "action-dotnet-v2.2:1.16.0"),
        _kind("dotnet:3.1", "action-dotnet-v3.1:1.16.0", default=False),
    ],
}


def lacking(runtimes: Mapping[str, Sequence[Runtime]], *, kafka_provider: bool) -> list[str]:
    """Return which of upstream's packages cannot be installed with these kinds, and what to do.

    Args:
        runtimes: kinds by language.
        kafka_provider: whether there is the provider of triggers from Kafka.
    """
    kinds = {each.kind for found in runtimes.values() for each in found}
    lines = []
    if SWIFT not in runtimes:
        advice = "put a kind of it back, whose image need not exist until one is called"
        lines.append(f"no {SWIFT}, in which samples of its catalogue are written: {advice}")
    if kafka_provider and PYTHON not in kinds:
        advice = (
            "put the kind back (on any image of Python), or say openwhisk_kafka_provider = False"
        )
        lines.append(f"no {PYTHON}, which the packages of the Kafka provider need: {advice}")
    return [f"openwhisk_runtimes has {each}, or install-packages fails" for each in lines]


def manifest(runtimes: Mapping[str, Sequence[Runtime]]) -> str:
    """Return the content of runtimes.json."""
    languages = {name: [_entry(name, each) for each in kinds] for name, kinds in runtimes.items()}
    document = {"runtimes": languages, "blackboxes": [_image(BLACKBOX)]}
    return json.dumps(document, indent=2) + "\n"


def _entry(language: str, runtime: Runtime) -> dict[str, Any]:
    attachment, content_type = ARCHIVES.get(language, CODE)
    entry: dict[str, Any] = {
        "kind": runtime.kind,
        "default": runtime.default,
        "image": _image(runtime.image),
        "deprecated": runtime.deprecated,
        "attached": {"attachmentName": attachment, "attachmentType": content_type},
    }
    if language in MAIN_NEEDED:
        entry["requireMain"] = True
    if runtime.prewarm:
        memory = f"{runtime.prewarm_memory_mb} MB"
        entry["stemCells"] = [{"initialCount": runtime.prewarm, "memory": memory}]
    return entry


def _image(image: str) -> dict[str, str]:
    path, _, tag = image.rpartition(":")
    prefix, _, name = path.rpartition("/")
    return {"prefix": prefix, "name": name, "tag": tag}
