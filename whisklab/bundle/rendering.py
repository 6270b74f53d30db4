"""The objects of a release, rendered by helm on the laptop; no cluster is asked."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from pathlib import Path

import yaml

from whisklab.engine.artifacts.downloads import Report
from whisklab.engine.artifacts.fetching import fetch, member
from whisklab.engine.data.machine import ARCHITECTURES
from whisklab.engine.helm import values as helm_values
from whisklab.engine.helm.program import VALUES, Answer
from whisklab.engine.helm.release import Release
from whisklab.engine.kubernetes.objects import Id, Object, objects
from whisklab.engine.needs.needed import Needs
from whisklab.errors import BadInput, WhisklabError
from whisklab.paths import cache_dir

_EXECUTABLE = 0o755


class Renderer:
    """Helm, as the environment has it, for this laptop.

    Args:
        needs: of the environment: which helm, and for which Kubernetes.
        report: hears of downloads.
    """

    def __init__(self, needs: Needs, report: Report) -> None:
        self._needs, self._report = needs, report
        self._program: Path | None = None

    def objects(self, release: Release) -> dict[Id, Object]:
        """Return what a release would bring, its hooks and definitions of kinds too.

        Raises:
            BadInput: the chart does not render with its values; helm's own words.
            WhisklabError: helm or the chart cannot be had.
        """
        cache_dir().mkdir(parents=True, exist_ok=True)
        # Not in /tmp, which may be small; the values may have secrets, and mkdtemp's is 0700.
        with tempfile.TemporaryDirectory(prefix="rendered-", dir=cache_dir()) as work:
            _write(Path(work), release)
            answer = self._run(Path(work), release)
        if answer.code:
            raise BadInput(release.hinted(answer.message))
        try:
            return objects(answer.stdout)
        except yaml.YAMLError as error:
            raise BadInput(f"release {release.name}: its objects are no YAML: {error}") from error

    def _run(self, work: Path, release: Release) -> Answer:
        argv = [
            str(self._helm()), "template", release.name, release.wanted_chart.argument,
            "--namespace", release.namespace, "--values", VALUES, "--include-crds",
            *(["--kube-version", self._needs.kubernetes] if self._needs.kubernetes else []),
        ]  # fmt: skip
        # Nothing of the user's own helm: its plugins and repositories are not in the bundle.
        homes = {f"HELM_{each}_HOME": str(work / "home") for each in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            argv, cwd=work, env={**os.environ, **homes}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Answer(done.returncode, done.stdout, done.stderr)

    def _helm(self) -> Path:
        if self._program is None:
            self._program = self._found()
        return self._program

    def _found(self) -> Path:
        part, machine = self._needs.helm, platform.machine()
        system = platform.system()
        if part is None or system != "Linux" or machine not in ARCHITECTURES:
            raise BadInput(
                f"charts are rendered by the catalogue's helm, which is for Linux, and this is "
                f"{system} on {machine}: build the bundle on a Linux machine"
            )
        artifact = part.catalogue.artifact(
            part.product, part.version, part.name, ARCHITECTURES[machine]
        )
        self._report(f"{artifact}: to render charts with")
        program = member(artifact) if artifact.member else fetch(artifact, self._report)
        if not os.access(program, os.X_OK):
            program.chmod(_EXECUTABLE)
        return program


def _write(work: Path, release: Release) -> None:
    data = {VALUES: helm_values.text(release.values).encode()}
    for name, content in {**dict(release.wanted_chart.files()), **data}.items():
        path = work / name
        if not path.resolve().is_relative_to(work.resolve()):
            raise WhisklabError(
                f"release {release.name}: its chart has a file {name} outside of itself: it is "
                "damaged or hostile, get it again"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_bytes(content)
