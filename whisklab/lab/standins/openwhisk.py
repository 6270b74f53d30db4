"""The stand-in for OpenWhisk: its chart, images for the nodes, and the sources its jobs ask for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from whisklab.lab.common.run import Report
from whisklab.lab.standins import cache, debian, debian_layer, images, layers
from whisklab.lab.standins.cache import File, Standin, built
from whisklab.lab.standins.helm import pack
from whisklab.lab.standins.images import Image, busybox_image, write_bundle

_VERSION = "108f327580f04c51dc4b29ac0beff024cfd6f2f9"  # upstream's commit whose names it has
_HOME = "opt/openwhisk-standin"
# What plays each part of the chart, by the place of its image in the values; no role: a shell.
_ROLES = {
    "apigw": "apigateway", "controller": "controller", "db": "couchdb", "etcd": "etcd",
    "grafana": "grafana", "invoker": "invoker", "kafka": "kafka", "nginx": "nginx",
    "prometheus": "prometheus", "providers.alarm": "alarmprovider",
    "providers.kafka": "kafkaprovider", "redis": "redis", "scheduler": "scheduler",
    "user_events": "user-events", "utility": None, "zookeeper": "zookeeper",
}  # fmt: skip
# Images besides those of the values: the Kafka that can still be had, and a busybox whose tag lets
# a node use what it has.
_KAFKA = "fatal69100/kafka:2.8.1"
_BUSYBOX = "busybox:1.36.1"
# The source trees, and where the values say which tag of each the jobs ask for.
_SOURCES = {
    "openwhisk": "openwhisk",
    "openwhisk-catalog": "openwhiskCatalog",
    "openwhisk-package-alarms": "openwhiskPackageAlarms",
    "openwhisk-package-kafka": "openwhiskPackageKafka",
}
# Empty: its scripts run no npm, and its chart is changed as the real one is.
_NPM_CACHE = "npm-cache.tar.gz"


def openwhisk() -> Standin:
    """Return the stand-in."""
    sources = cache.SOURCES / "openwhisk"

    def make(work: Path, target: Path, report: Report) -> Mapping[str, File]:
        versions = _values(sources)["whisk"]["versions"]
        arch = cache.architecture()
        bundle = f"openwhisk-images-{arch}.tar.gz"
        write_bundle(list(_images(sources, work, report)), target / bundle, arch=arch)
        # One directory on top, as the git host's archive of a commit has it.
        top = f"openwhisk-deploy-kube-{_VERSION}"
        pack(_files(sources / "chart", f"{top}/helm/openwhisk"), target / f"{top}.tar.gz")
        artifacts = {"chart": File(f"{top}.tar.gz", "all"), "images": File(bundle, arch)}
        for name, key in _SOURCES.items():
            top = f"{name}-{versions[key]['gitTag']}"
            pack(_files(sources / "sources" / name, top), target / f"{top}.tar.gz")
            artifacts[f"sources-{name}"] = File(f"{top}.tar.gz", "all")
        pack({}, target / _NPM_CACHE)
        artifacts["npm-cache"] = File(_NPM_CACHE, "all")
        return artifacts

    modules = (debian, layers, debian_layer, images)
    code = (__file__, *(str(module.__file__) for module in modules))
    release = debian_layer.debian_layer().version
    return Standin("openwhisk", _VERSION, sources, None, (release,), code, make)


def full_name(image: str) -> str:
    """Return an image's name with the registry that is meant where it names none."""
    first, slash, _ = image.partition("/")
    if slash and any(sign in first for sign in ".:"):
        return image
    return f"docker.io/{image}" if slash else f"docker.io/library/{image}"


def _images(sources: Path, work: Path, report: Report) -> Iterator[Image]:
    base = built(debian_layer.debian_layer(), report).with_name(debian_layer.LAYER)
    files = {
        **_tree(sources / "server", _HOME),
        **_tree(sources / "image", "usr/local/bin"),
    }
    for name, role in sorted(roles(sources).items()):
        yield Image(
            full_name(name),
            files,
            ["python3", "-m", "openwhisk_standin", role] if role else [],
            [] if role else ["sh"],
            base=base,
            environment={
                "PATH": "/usr/local/bin:/usr/bin:/usr/sbin",
                "PYTHONPATH": f"/{_HOME}",
                "PYTHONUNBUFFERED": "1",
            },
        )
    program = debian.busybox(work, report)
    for name in (_named(_values(sources)["busybox"]), _BUSYBOX):
        yield busybox_image(full_name(name), program)


def roles(sources: Path) -> Mapping[str, str | None]:
    """Return what each image of the chart below ``sources`` plays, None for a shell."""
    values = _values(sources)
    found: dict[str, str | None] = {_KAFKA: "kafka"}
    for place, role in _ROLES.items():
        part = values
        for key in place.split("."):
            part = part[key]
        found[_named(part)] = role
    manifest = json.loads(cache.text_of(sources / "chart" / "runtimes.json"))
    for language, kinds in manifest["runtimes"].items():
        for image in (kind["image"] for kind in kinds):
            found[f"{image['prefix']}/{image['name']}:{image['tag']}"] = f"runtime-{language}"
    return found


def _values(sources: Path) -> Any:  # noqa: ANN401
    return yaml.safe_load(cache.text_of(sources / "chart" / "values.yaml"))


def _named(part: Mapping[str, str]) -> str:
    return f"{part['imageName']}:{part['imageTag']}"


def _tree(directory: Path, top: str) -> dict[str, Path]:
    """The files below a directory, by their names below another."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {
        f"{top}/{path.relative_to(directory).as_posix()}": path
        for path in files
        if path.suffix != ".pyc"
    }


def _files(directory: Path, top: str) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in _tree(directory, top).items()}
