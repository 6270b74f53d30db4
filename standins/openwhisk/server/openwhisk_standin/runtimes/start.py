"""The roles runtime-nodejs and runtime-python."""

from __future__ import annotations

import argparse
import json
import os
import socket
from pathlib import Path

from openwhisk_standin.life import until_told
from openwhisk_standin.runtimes import END_OF_LOGS

_PORT = 8080


def main(argv: list[str]) -> int:
    """Run a runtime until it is told to end; returns the exit code."""
    parser = argparse.ArgumentParser(prog="openwhisk_standin")
    parser.add_argument("role", choices=("runtime-nodejs", "runtime-python"))
    parser.add_argument("--address", default="0.0.0.0")  # noqa: S104 - the invoker is elsewhere
    parser.add_argument("--port", type=int, default=_PORT)
    parser.add_argument("--socket", type=int)
    given = parser.parse_args(argv)
    if given.role == "runtime-nodejs":
        _nodejs(given)
    return _python(given)


def _nodejs(given: argparse.Namespace) -> None:
    """Become node: it is the container's process, and gets its signals."""
    here = Path(__file__).parent / "nodejs.js"
    place = {"host": given.address, "port": given.port}
    if given.socket is not None:
        place = {"fd": given.socket}
    os.execvp("node", ["node", str(here), END_OF_LOGS, json.dumps(place)])  # noqa: S606


def _python(given: argparse.Namespace) -> int:
    from openwhisk_standin.runtimes.python import Runtime  # noqa: PLC0415 - node needs none of it
    from openwhisk_standin.web import Server  # noqa: PLC0415

    handler = Runtime().answer
    if given.socket is None:
        Server(given.address, given.port, handler).serve_quietly()
    else:
        Server.on(socket.socket(fileno=given.socket), handler).serve_quietly()
    return until_told(given.role)
