"""`whisklab kubectl ENV ...`: the kubectl of a cluster's own k3s, so that a laptop needs none."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from whisklab.errors import BadInput

STDIN = "-"
_FILES = ("-f", "--filename", "-k", "--kustomize")
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
    What asks for a terminal (`exec -it`, `edit`) gets none.
    Exit code: kubectl's; 1: there is none yet, or the master does not answer; 2: bad input.
    """
    given = standard_input(arguments)
    from whisklab.engine.session import connected, open_inventory  # noqa: PLC0415, I001  patches the standard library, must be first
    from deploys.k3s import KUBECTL  # noqa: PLC0415
    from whisklab.engine.connector import WhiskSSH  # noqa: PLC0415
    from whisklab.engine.files import script  # noqa: PLC0415

    with connected(open_inventory(environment).get_group("masters")[0]) as master:
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
    files = list(_named(arguments))
    for each in files:
        if each != STDIN and Path(each).exists():
            raise BadInput(
                f"{each} is a file of this machine, and kubectl runs on a master: give it by "
                f"`-f - < {each}`"
            )
    return sys.stdin.buffer.read() if STDIN in files else b""


def _named(arguments: Sequence[str]) -> Sequence[str]:
    found: list[str] = []
    for number, each in enumerate(arguments):
        if each == "--":
            break
        option, equals, value = each.partition("=")
        if option in _FILES:
            found += [value] if equals else arguments[number + 1 : number + 2]
        elif each.startswith(("-f", "-k")) and len(option) > len("-f"):
            found.append(each[len("-f") :].removeprefix("="))
    return found
