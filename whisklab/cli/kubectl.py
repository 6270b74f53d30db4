"""`whisklab kubectl ENV ...`: the kubectl of a cluster's own k3s, so that a laptop needs none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import click

from whisklab.errors import BadInput

STDIN = "-"
_FILES = ("-f", "--filename", "-k", "--kustomize")
_SHORT = ("-f", "-k")
_STDIN = ("-i", "--stdin", "--stdin=true")
# $1 is k3s; a plain "not found" would be taken for what kubectl says of an object.
_RUN = """
if test -x "$1"; then exec "$@"; fi
echo "whisklab: there is no $1 here yet: deploy the cluster first" >&2; exit 1
"""


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("environment")
@click.argument("arguments", nargs=-1, required=True, type=click.UNPROCESSED)
def kubectl(environment: str, arguments: tuple[str, ...]) -> int:
    """Run kubectl on the first master of ENVIRONMENT, as root: that of its k3s.

    ARGUMENTS are kubectl's own. Files are read there: give one of this machine by `-f - < FILE`.
    It reads stdin for `-f -` and `exec -i`, to its end.
    What asks for a terminal (`exec -it`, `edit`) gets none.
    Exit code: kubectl's; 1: there is none yet, or the master does not answer; 2: bad input.
    """
    given = standard_input(arguments)
    from whisklab.engine.run.start import session  # noqa: PLC0415, I001  patches the standard library, must be first
    from deploys.k3s import KUBECTL  # noqa: PLC0415
    from whisklab.engine.ssh.connector import WhiskSSH  # noqa: PLC0415
    from whisklab.engine.scripts import script  # noqa: PLC0415

    with session.connected(session.open_inventory(environment).get_group("masters")[0]) as master:
        connector = master.connector
        if not isinstance(connector, WhiskSSH):
            raise BadInput(f"{master.name} is not reached over SSH: use its kubectl there")
        command = script(_RUN, *KUBECTL, *arguments)
        return connector.relay(command, given, sys.stdout.buffer, sys.stderr.buffer)


def standard_input(arguments: Sequence[str]) -> bytes:
    """Return what kubectl is to read: all that comes on stdin, if it is told to read that.

    Raises:
        BadInput: it is to read a file of this machine.
    """
    own = list(takewhile(lambda each: each != "--", arguments))
    files = [] if "logs" in own else [part for each in _named(own) for part in each.split(",")]
    for each in files:
        path = Path(each)
        if each != STDIN and path.exists():
            way = "join its files and give them" if path.is_dir() else "give it"
            raise BadInput(
                f"{each} is on this machine, and kubectl runs on a master: {way} by "
                "`-f - < FILE`, or use a kubectl of your own with the environment's kubeconfig"
            )
    reads = STDIN in files or any(each in _STDIN for each in own)
    return sys.stdin.buffer.read() if reads else b""


def _named(arguments: Sequence[str]) -> Sequence[str]:
    found: list[str] = []
    for number, each in enumerate(arguments):
        option, equals, value = each.partition("=")
        if option in _FILES:
            found += [value] if equals else arguments[number + 1 : number + 2]
        elif each.startswith(_SHORT) and not each.startswith("--"):
            found.append(each[len("-f") :].removeprefix("="))
    return found
