"""What a list of snapshots says of each: found out when it is taken."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from cryptography import x509

from whisklab.lab import state

NODES, RELEASES = "nodes", "releases"


def notes_of(lab: str) -> dict[str, Any]:
    """What is deployed on a lab now, and until when its certificates are valid.

    Returns:
        `deployed`: names with versions, when the lab could be asked; `certificates_until`: seconds
        since 1970, when it has a kubeconfig.
    """
    file = Path(".secrets") / lab / "kubeconfig"
    if not file.is_file():
        return {"deployed": ["nothing"]}
    notes: dict[str, Any] = {"certificates_until": valid_until(file.read_text(encoding="utf-8"))}
    known = state.load(lab)
    if known and known.running and (Path("inventories") / f"{lab}.py").is_file():
        notes["deployed"] = deployed(_status(lab))
    return notes


def _status(lab: str) -> dict[str, Any]:
    """What `whisklab status` tells; empty when it cannot. Its own process: it drives pyinfra."""
    program = "from whisklab.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "status", lab, "--json"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {}
    return found


def deployed(status: dict[str, Any]) -> list[str]:
    """Name what is deployed: k3s with its versions, and the releases. Pure."""
    versions = {each["version"] for each in status.get(NODES, []) if each.get("version")}
    releases = [each["name"] for each in status.get(RELEASES, []) if each["ok"]]
    return [*(f"k3s {version}" for version in sorted(versions)), *releases]


def valid_until(kubeconfig: str) -> float:
    """When the client certificate of a kubeconfig ends, in seconds since 1970. Pure."""
    data = yaml.safe_load(kubeconfig)["users"][0]["user"]["client-certificate-data"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(data))
    return certificate.not_valid_after_utc.timestamp()
