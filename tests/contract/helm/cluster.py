"""A server with a helm of the tests' own, which the real script runs, and an API server."""

from __future__ import annotations

import base64
import gzip
import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.connectors.local import LocalConnector

from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT
from tests.contract.fake_objects import Objects
from tests.contract.test_base_operations import a_machine
from whisklab.engine.drift.settings import DriftSettings
from whisklab.engine.helm import operations, program
from whisklab.engine.helm.charts import Chart
from whisklab.engine.helm.release import Release, decode
from whisklab.engine.kubernetes.objects import objects

HELLO = Path(__file__).parents[2] / "charts/hello"
SECRET = "hunter22"  # noqa: S105
CHART = Chart("hello 1.0.0", "a" * 64, HELLO)
WISH = Release(
    "hello", CHART, "apps", {"message": "hi", "password": SECRET}, wait=False, timeout=60,
    hints={"port is taken": "choose another port"},
)  # fmt: skip
SPACE = "/api/v1/namespaces/apps"
SECRETS = f"{SPACE}/secrets"
MAP, CLAIM = f"{SPACE}/configmaps/hello", f"{SPACE}/persistentvolumeclaims/hello"
DEPLOYMENT = "/apis/apps/v1/namespaces/apps/deployments/hello"
JOB = "/apis/batch/v1/namespaces/apps/jobs/hello"
MANIFEST = """\
{apiVersion: v1, kind: ConfigMap, metadata: {name: hello}, data: {message: hi}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: hello}, spec: {size: 1}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: hello}, spec: {replicas: 1}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: hello}, spec: {tries: 1}}
"""
PATHS = {"ConfigMap": MAP, "PersistentVolumeClaim": CLAIM, "Deployment": DEPLOYMENT, "Job": JOB}
WORKS = {"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1}
# What it is called with, and what it finds where it runs.
HELM = """tell "$@" "$(stat -c %a values.json 2>/dev/null)" "$KUBECONFIG"
cp values.json "$root/values" 2>/dev/null
cat "$root/says-$1" 2>/dev/null; cat "$root/warns-$1" >&2 2>/dev/null
exit "$(cat "$root/ends-$1" 2>/dev/null || echo 0)\""""


class Server:
    """The server, its API, and what helm was called with.

    Attributes:
        api: of the cluster.
        upgraded: what an upgrade or an uninstallation that ends well does there.
        versioned: what has been done there by the end of a call for helm's version.
    """

    def __init__(self, root: Path, api: Objects) -> None:
        self.root, self.api = root, api
        self.upgraded: Callable[[], object] = lambda: None
        self.versioned: Callable[[], object] = lambda: None
        self.machine = a_machine(root, "/run")
        self.machine.stub("helm", HELM)

    def exchange(self, command: StringCommand, data: bytes) -> tuple[int, str, str]:
        """Run a command, as the connector does."""
        assert SECRET not in command.get_raw_value()
        shell = ["sh", "-c", f"exec {self.root}/shell -c {shlex.quote(command.get_raw_value())}"]
        done = subprocess.run(shell, input=data, capture_output=True, check=False)
        if not done.returncode and any(each in shell[-1] for each in (" upgrade ", " uninstall ")):
            self.upgraded()
        if " version " in shell[-1]:
            self.versioned()
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def helm(self, verb: str, code: int = 0, *, says: str = "", warns: str = "") -> None:
        """Have helm print and end so."""
        for name, text in (("says", says), ("warns", warns), ("ends", str(code))):
            (self.root / f"{name}-{verb}").write_text(text)

    def called(self) -> list[list[str]]:
        """Return what helm was called with since the last time, and the values' mode."""
        return [words[1:] for words in self.machine.ran()]

    def record(
        self, release: Release, status: str = "deployed", *, number: int = 1, **more: Any
    ) -> None:
        """Have Helm's record of a release; what is `...` is left out of it."""
        info = {"status": status, "description": release.description}
        if isinstance(more.get("info"), dict):
            info |= more.pop("info")
        name = f"sh.helm.release.v1.{release.name}.v{number}"
        document = {
            "name": release.name, "namespace": release.namespace, "version": number, "info": info,
            "chart": {"metadata": {"name": "hello", "version": "1.0.0"}},
            "config": dict(release.values), "manifest": MANIFEST, **more,
        }  # fmt: skip
        document = {key: value for key, value in document.items() if value is not ...}
        packed = gzip.compress(json.dumps(document).encode(), mtime=0)
        written = base64.b64encode(base64.b64encode(packed)).decode()
        labels = {"owner": "helm", "name": release.name, "status": status, "version": str(number)}
        self.api.have(f"{SECRETS}/{name}", metadata={"labels": labels}, data={"release": written})

    def live(self, manifest: str = MANIFEST) -> None:
        """Have the objects of a manifest, as they are when they work."""
        for name, each in objects(manifest).items():
            status = {"status": WORKS} if name.kind == "Deployment" else {}
            self.api.have(PATHS[name.kind], spec=each.get("spec"), data=each.get("data"), **status)

    def document(self, number: int = 1) -> Any:
        """Return what Helm's record says."""
        return decode(self.api.things[f"{SECRETS}/sh.helm.release.v1.hello.v{number}"]).document

    def released(self, release: Release = WISH, **how: Any) -> fake.Done:
        """Plan it, or carry it out; no secret is told."""
        do = fake.plan if how.pop("only_plan", False) else fake.carry_out
        done = do(operations.released, release=release, api=ENDPOINT, **how)
        assert SECRET not in json.dumps([*done.why, *done.errors, *done.told])
        return done


def served(root: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server that answers; nothing is installed."""
    server = Server(root, Objects({}))
    fake.serve(monkeypatch, server.api)
    monkeypatch.setattr(program, "WhiskSSH", LocalConnector)
    monkeypatch.setattr(
        LocalConnector, "exchange", lambda _, *given: server.exchange(*given), raising=False
    )
    monkeypatch.setattr(DriftSettings, "of", classmethod(lambda cls, _: cls()))
    server.helm("template", says=MANIFEST)
    return server


def installed(server: Server, release: Release = WISH) -> Server:
    """Have a release there as it should be."""
    server.record(release)
    server.live()
    return server


RENDER = [
    "template", "hello", "chart", "--namespace", "apps", "--values", "values.json", "--validate",
    "--dry-run=server", "--no-hooks",
]  # fmt: skip
SEEN = ["600", ENDPOINT.kubeconfig]  # the values' mode, and what KUBECONFIG says
RENDERED, RENDERED_AGAIN = [*RENDER, *SEEN], [*RENDER, "--is-upgrade", *SEEN]
VERSION = ["version", "--short", *SEEN]


def upgraded(release: Release = WISH) -> list[str]:
    """Return the words of an upgrade."""
    wait = ["--wait", "--wait-for-jobs"] if release.wait else []
    return [
        "upgrade", "hello", "chart", "--install", "--reset-values", "--namespace", "apps",
        "--create-namespace", "--values", "values.json", "--description", release.description,
        "--timeout", "60s", *wait, *SEEN,
    ]  # fmt: skip


def otherwise(**fields: Any) -> Release:
    """Return the wish, but for these fields."""
    return replace(WISH, **fields)
