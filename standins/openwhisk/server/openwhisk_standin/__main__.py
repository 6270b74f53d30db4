"""`python3 -m openwhisk_standin ROLE`: one role of OpenWhisk's stand-in."""

from __future__ import annotations

import sys
from importlib import import_module


def main(argv: list[str]) -> int:
    """Run a role until it is told to end, or a job to its end; returns the exit code."""
    # Each action container starts a runtime: it does not load what the servers need.
    runtime = bool(argv) and argv[0].startswith("runtime-")
    module = import_module(f"openwhisk_standin.{'runtimes.start' if runtime else 'roles'}")
    return int(module.main(argv))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
