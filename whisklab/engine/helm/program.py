"""Helm's command line on a server; charts and values reach it on stdin, never in an argument."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from pyinfra.api.host import Host

from whisklab.engine.helm import values as helm_values
from whisklab.engine.helm.release import Release
from whisklab.engine.scripts import script
from whisklab.engine.ssh import locks
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.errors import WhisklabError

VALUES = "values.json"
HINT = "Use --debug"  # advice for who runs helm himself
NOT_THERE = 127  # what a shell answers when there is no such program
SIGNALLED = 128  # and above: ended by a signal
# What it works with is root's alone, and gone afterwards; what a killed one left goes first. A look
# is not under the lock, so it has a directory of its own each time.
_SCRIPT = """
umask 077; mkdir -p /run/whisklab
case "$1" in
  change) work=/run/whisklab/helm; rm -rf "$work"; mkdir "$work" ;;
  look) work=$(mktemp -d -p /run/whisklab --suffix .helm) ;;
esac || exit
trap 'rm -rf "$work"' EXIT; trap 'exit 130' HUP INT TERM
tar -x -o -C "$work" && cd "$work" || exit
export KUBECONFIG="$2" HELM_CACHE_HOME="$work/c" HELM_CONFIG_HOME="$work/c" HELM_DATA_HOME="$work/c"
shift 2
command -v helm > /dev/null || exit 127
helm "$@"
"""


@dataclass(frozen=True)
class Answer:
    """What helm printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def message(self) -> str:
        """Helm's own error, without its warnings."""
        if self.code > SIGNALLED:  # what its shell says of that is no help
            return f"it was ended by signal {self.code - SIGNALLED}"
        lines = [line.rstrip() for line in self.stderr.splitlines() if line.strip()]
        lines = [line for line in lines if not line.startswith(HINT)]
        start = next((i for i, line in enumerate(lines) if line.startswith("Error: ")), 0)
        if lines:
            return "\n".join(lines[start:]).removeprefix("Error: ")
        return f"it ended with exit code {self.code}"


def bundle(release: Release) -> bytes:
    """Return the chart and the values as a tar archive, the values for root's eyes only.

    Raises:
        WhisklabError: the chart cannot be had.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        files = release.wanted_chart.files() if release.chart else ()
        for name, data in (*files, (VALUES, helm_values.text(release.values).encode())):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o600
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def helm(
    server: Host, kubeconfig: str, arguments: Sequence[str], data: bytes, *, changing: bool
) -> Answer:
    """Run helm on a server, where `bundle` was unpacked.

    Args:
        server: where.
        kubeconfig: the path of the administrator's there.
        arguments: of helm; no secrets.
        data: of `bundle`.
        changing: whether it changes the cluster: then it holds the lock of changing commands.
    """
    connector = server.connector
    if not isinstance(connector, WhiskSSH):
        raise WhisklabError(f"{server.name} is not reached over SSH")
    command = script(_SCRIPT, "change" if changing else "look", kubeconfig, *arguments)
    with locks.changing() if changing else nullcontext():
        return Answer(*connector.exchange(command, data))


def render_arguments(release: Release, *, upgrade: bool) -> list[str]:
    """Return the arguments that render a release against the cluster, changing nothing."""
    return [
        "template", release.name, release.wanted_chart.argument, "--namespace", release.namespace,
        "--values", VALUES, "--validate", "--dry-run=server", "--no-hooks",
        *(["--is-upgrade"] if upgrade else []),
    ]  # fmt: skip


def upgrade_arguments(release: Release) -> list[str]:
    """Return the arguments that install or upgrade a release.

    Never --atomic: it deletes the pods whose logs say why it failed.
    """
    wait = ["--wait", "--wait-for-jobs"] if release.wait else []
    return [
        "upgrade", release.name, release.wanted_chart.argument, "--install", "--reset-values",
        "--namespace", release.namespace, "--create-namespace", "--values", VALUES,
        "--description", release.description, "--timeout", f"{release.timeout}s", *wait,
    ]  # fmt: skip


def uninstall_arguments(release: Release) -> list[str]:
    """Return the arguments that uninstall a release."""
    wait = ["--wait"] if release.wait else []
    return [
        "uninstall", release.name, "--namespace", release.namespace, "--ignore-not-found",
        "--timeout", f"{release.timeout}s", *wait,
    ]  # fmt: skip
