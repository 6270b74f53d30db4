"""The versions of k3s that a test goes through, and a catalogue that has them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from tests.e2e.cluster.site import Site
from whisklab.lab.standins.k3s import DEFAULT_VERSION, OLDER

# The first is linked in seconds; `make soak` begins two minors before the default, and each of them
# is a Kubernetes of its own.
PATH = (*os.environ.get("OLDER_K3S", OLDER).split(), DEFAULT_VERSION)
WITHIN = 3600  # seconds; with nothing cached they are compiled
_BUILD = """
import sys
from whisklab.lab import standins
print(standins.build(also=sys.argv[1:]))
"""


def offered(site: Site, path: Sequence[str], alias: Mapping[str, str] | None = None) -> None:
    """Have the lab's catalogue offer these versions; they are built if need be.

    Args:
        site: the environment.
        path: the versions.
        alias: further ones that nobody looks into, by the one whose files they name.
    """
    done = site.run(".venv/bin/python", "-c", _BUILD, *path, timeout=WITHIN)
    assert done.code == 0, done.output
    catalogue = yaml.safe_load(Path(done.stdout.strip().splitlines()[-1]).read_text())
    known = catalogue["k3s"]["versions"]
    known |= {name: known[other] for name, other in (alias or {}).items()}
    file = site.directory / "catalogue.yaml"
    file.write_text(yaml.safe_dump(catalogue))
    lab = json.loads(site.lab_file.read_text())
    site.lab_file.write_text(json.dumps({**lab, "catalogue": str(file)}))


def wish(site: Site, **settings: object) -> None:
    """Have these settings in the data of the environment, in place of those of a wish before."""
    data = site.directory / f"group_data/{site.name}.py"
    kept, _, _ = data.read_text().partition("# wish\n")
    lines = [f"{key} = {value!r}\n" for key, value in settings.items()]
    data.write_text("".join([kept, "# wish\n", *lines]))


def versions(site: Site) -> dict[str, str]:
    """Return the kubelets' versions, by node."""
    return {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"]
            for node in site.objects("nodes")}  # fmt: skip
