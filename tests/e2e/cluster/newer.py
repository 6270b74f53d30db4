"""A catalogue that has a newer k3s, too."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.cluster.site import Site
from whisklab.lab.standins.k3s import RELABELLED

# One that is linked in seconds; `make soak` takes a Kubernetes that is really newer.
NEW = os.environ.get("NEWER_K3S", RELABELLED)
WITHIN = 3600  # seconds; with nothing cached it is compiled
_BUILD = f"""
from whisklab.lab import standins
print(standins.build(also=[{NEW!r}]))
"""


def both(site: Site) -> Path:
    """Return the catalogue that has the default k3s and the newer one; built if need be."""
    done = site.run(".venv/bin/python", "-c", _BUILD, timeout=WITHIN)
    assert done.code == 0, done.output
    return Path(done.stdout.strip().splitlines()[-1])
