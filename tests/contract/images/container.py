"""Containers without Kubernetes: an image's own files, and programs that run in them."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.artifacts.fetching import fetch


def artifact(catalogue: Path, name: str, kind: str) -> Path:
    """Return the file of an artifact of OpenWhisk's stand-in."""
    return fetch(Catalogue(catalogue).artifact("openwhisk", None, name, kind))


class Container:
    """An image's files below a directory, and its environment; programs run in them by chroot."""

    def __init__(self, bundle: Path, image: str, root: Path) -> None:
        """Unpack an image of a bundle."""
        self.root = root
        with tarfile.open(bundle) as archive:

            def blob(entry: dict[str, Any]) -> Any:
                return archive.extractfile(f"blobs/sha256/{entry['digest'].partition(':')[2]}")

            index = archive.extractfile("index.json")
            assert index is not None
            (found,) = (
                entry
                for entry in json.load(index)["manifests"]
                if entry["annotations"]["io.containerd.image.name"] == image
            )
            manifest = json.load(blob(found))
            self.config = json.load(blob(manifest["config"]))["config"]
            for layer in manifest["layers"]:
                with tarfile.open(fileobj=blob(layer)) as files:
                    files.extractall(root, filter="tar")
        (root / "dev").mkdir(exist_ok=True)

    def run(self, *argv: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, with the image's environment and more."""
        mapped = [] if os.geteuid() == 0 else ["--map-root-user"]
        enter = 'mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
        own = dict(each.split("=", 1) for each in self.config["Env"])
        return subprocess.run(
            ["unshare", *mapped, "--mount", "sh", "-c", enter, str(self.root), *argv],
            env={**own, "PATH": f"{own['PATH']}:/sbin:/bin", **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def bash(self, script: str, **env: str) -> str:
        """Run a script as the jobs do; returns what it said."""
        done = self.run("/bin/bash", "-c", script, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
