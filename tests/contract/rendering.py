"""Charts through the real helm."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from whisklab.engine.helm.values import text
from whisklab.engine.kubernetes.objects import objects


def run(*argv: str) -> str:
    """Return what a program said that must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def rendered(
    helm: str, tmp_path: Path, chart: Path, given: dict[str, Any], release: str
) -> dict[str, dict[str, Any]]:
    """Lint a chart with values and return its objects by KIND/NAME."""
    file = tmp_path / "values.json"
    file.write_text(text(given))
    run(helm, "lint", str(chart), "--strict", "--values", str(file))
    return template(helm, tmp_path, chart, given, release)


def template(
    helm: str, tmp_path: Path, chart: Path, given: dict[str, Any], release: str
) -> dict[str, dict[str, Any]]:
    """Return a chart's objects with values by KIND/NAME."""
    file = tmp_path / "values.json"
    file.write_text(text(given))
    manifest = run(helm, "template", release, str(chart), "--namespace", "x", "-f", str(file))
    return {str(name): found for name, found in objects(manifest).items()}


def refused(helm: str, tmp_path: Path, chart: Path, given: dict[str, Any]) -> str:
    """Return why helm does not render a chart with values."""
    file = tmp_path / "values.json"
    file.write_text(text(given))
    argv = [helm, "template", "r", str(chart), "-f", str(file)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode != 0, done.stdout
    return done.stderr
