"""A user's directory: an environment whose sources are all on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.contract.bundle.upstream import Upstream

REPOSITORY = Path(__file__).parents[3]
NAME = "closed"
_WHISKLAB = (sys.executable, "-c", "from whisklab.cli.main import main; main()")
_INVENTORY = """\
masters = [("one", {"ssh_hostname": "192.0.2.11", "node_address": "192.0.2.11"})]
workers = [("two", {"ssh_hostname": "192.0.2.12", "node_address": "192.0.2.12"})]
storage = [("store", {"ssh_hostname": "192.0.2.14", "node_address": "192.0.2.14"})]
registry = ["store"]
"""
PROGRAMS = ("k3s", "wsk", "registry")


def entry(upstream: Upstream, path: str, data: bytes, **more: Any) -> dict[str, Any]:
    """Serve a file, and return what a catalogue says of it."""
    upstream.files[path] = data
    return {
        "url": f"{upstream.url}{path}", "sha256": hashlib.sha256(data).hexdigest(), **more
    }  # fmt: skip


def catalogue(upstream: Upstream, helm: Path, openwhisk: Path, provisioner: Path) -> dict[str, Any]:
    """Programs that are none, charts that are, and the helm that renders them."""
    both = ("amd64", "arm64")
    found: dict[str, Any] = {
        each: {
            "default": "v1.36.4+k3s1" if each == "k3s" else "v1.0.0",
            "licence": "Apache-2.0",
            "versions": {},
        }
        for each in PROGRAMS
    }
    for name, product in found.items():
        names = (name, "airgap-images") if name == "k3s" else (name,)
        product["versions"][product["default"]] = {
            each: {
                arch: entry(upstream, f"/{each}-{arch}", f"{each} {arch} ".encode() * 3000)
                for arch in both
            }
            for each in names
        }
    for name, source in (("helm", helm), ("openwhisk", openwhisk)):
        found |= {name: yaml.safe_load(source.read_text())[name]}
    helms = found["helm"]["versions"][found["helm"]["default"]]["helm"]
    helms["arm64"] = entry(upstream, "/helm-arm64", b"helm arm64 " * 1000)
    whisk = found["openwhisk"]["versions"][found["openwhisk"]["default"]]
    whisk.pop("images", None)
    found["nfs-subdir-external-provisioner"] = {
        "default": "4.0.18",
        "versions": {
            "4.0.18": {"chart": {"all": entry(upstream, "/p.tgz", provisioner.read_bytes())}}
        },
    }
    return found


@dataclass
class Site:
    """A directory with an environment, and a cache of its own.

    Attributes:
        path: of it.
        upstream: its sources.
        cache: of the laptop.
        data: of the environment, written as Python.
    """

    path: Path
    upstream: Upstream
    cache: Path
    data: dict[str, Any] = field(default_factory=dict)

    def write(self, catalogue: Mapping[str, Any]) -> None:
        """Make the directory."""
        for name in ("files", "inventories", "group_data"):
            (self.path / name).mkdir(parents=True)
        shutil.copy(REPOSITORY / "config.py", self.path)
        shutil.copy(REPOSITORY / "group_data/all.py", self.path / "group_data")
        (self.path / "inventories" / f"{NAME}.py").write_text(_INVENTORY)
        (self.path / "files/catalogue.yaml").write_text(yaml.safe_dump(dict(catalogue)))
        registries = ("docker.io", "quay.io", "registry.k8s.io", "upstream.example")
        self.data = {"bundle_mirrors": dict.fromkeys(registries, self.upstream.url)}
        self.say()

    def say(self, **data: Any) -> None:
        """Give the environment other data."""
        self.data |= data
        lines = [f"{key} = {value!r}\n" for key, value in self.data.items()]
        (self.path / "group_data" / f"{NAME}.py").write_text("".join(lines))

    def copied(self, path: Path, cache: Path) -> Site:
        """Return the same in another directory, with an empty cache and the same key and locks."""
        shutil.copytree(self.path, path, ignore=shutil.ignore_patterns("*.bundle*", "__pycache__"))
        return Site(path, self.upstream, cache, dict(self.data))

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "XDG_CACHE_HOME": str(self.cache), "PYTHONPATH": str(REPOSITORY)}

    def argv(self, *arguments: str) -> list[str]:
        return [*_WHISKLAB, "bundle", *arguments]

    def run(
        self, *arguments: str, prefix: Sequence[str] = (), **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `whisklab bundle` as a user does."""
        return subprocess.run(
            [*prefix, *self.argv(*arguments)], cwd=self.path, env={**self.environment, **more},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def build(self, *arguments: str) -> Path:
        """Build the bundle, and return its path."""
        done = self.run("build", NAME, *arguments)
        assert done.returncode == 0, done.stderr
        return self.path / f"{NAME}.bundle"

    def manifest(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.path / f"{NAME}.bundle.manifest").read_text())
        return found
