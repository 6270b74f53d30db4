"""`whisklab forward ENV`: local ports for people's browsers, kubectl and wsk."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from whisklab.engine.data.secrets import SecretStore, write_private
from whisklab.errors import BadInput, WhisklabError

if TYPE_CHECKING:
    from pyinfra.api.host import Host

    from whisklab.engine.ssh.forwards import Forward, Listener

OPENWHISK = "openwhisk"  # a forward's name
HEADER = "# Written by `whisklab forward`: works as long as that runs."


@click.command()
@click.argument("environment")
@click.option(
    "--port",
    "ports",
    multiple=True,
    metavar="NAME=[LOCAL:]HOST:PORT",
    help="Open this too, at a free local port unless LOCAL is given; HOST as the first master "
    "sees it. kubernetes is the Kubernetes API, openwhisk OpenWhisk's. May be repeated.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a kubeconfig for the opened port to this file.",
)
@click.option("--json", "as_json", is_flag=True, help="What is forwarded where, as JSON.")
def forward(
    environment: str, ports: tuple[str, ...], kubeconfig: Path | None, as_json: bool
) -> None:
    """Open ports of this machine that lead into ENVIRONMENT, until Ctrl-C.

    They are on 127.0.0.1 only and go through one SSH connection to the first master: the
    Kubernetes API, OpenWhisk's, what `forwards` in the data names, and each --port.
    Exit code 0: ended by Ctrl-C; 1: a port is taken, or the connection is lost; 2: bad input.
    """
    from whisklab.engine.run.start import session  # noqa: PLC0415, I001  patches the standard library, must be first
    from gevent import signal_handler  # noqa: PLC0415
    from gevent.event import Event  # noqa: PLC0415

    from whisklab.engine.ssh import forwards  # noqa: PLC0415

    master = session.open_inventory(environment).get_group("masters")[0]
    wanted = forwards.chosen(_defaults(master), forwards.ForwardSettings.of(master), ports)
    with forwards.listening(wanted) as opened, session.connected(master):
        if kubeconfig is not None:
            _write_kubeconfig(kubeconfig, opened)
        stop = Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal_handler(number, stop.set)
        _tell(environment, master.name, opened, kubeconfig, _authority(), as_json=as_json)
        forwards.serve(master, opened, stop, lambda line: click.echo(line, err=True))


def _defaults(master: Host) -> list[Forward]:
    from deploys import declared  # noqa: PLC0415

    return [forward for each in declared() for forward in each.forwards(master)]


def _authority() -> Path | None:
    """Return where the authority's certificate is, by which people know what we have signed."""
    from whisklab.engine.run.environment import current  # noqa: PLC0415
    from whisklab.engine.tls import issuer  # noqa: PLC0415

    path = current().store.path(issuer.NAMES[0])
    return path if path.exists() else None


def _tell(
    environment: str,
    master: str,
    opened: Sequence[tuple[Forward, Listener]],
    kubeconfig: Path | None,
    authority: Path | None,
    *,
    as_json: bool,
) -> None:
    if as_json:
        found: dict[str, Any] = {
            "environment": environment,
            "through": master,
            "forwards": [
                {"name": each.name, "address": listener.getsockname()[0],
                 "port": listener.getsockname()[1], "target": each.target}
                for each, listener in opened
            ],
            "kubeconfig": str(kubeconfig) if kubeconfig else None,
            "authority": str(authority) if authority else None,
        }  # fmt: skip
        click.echo(json.dumps(found))
        return
    width = max(len(each.name) for each, _ in opened)
    for each, listener in opened:
        address, port = listener.getsockname()
        click.echo(f"{each.name.ljust(width)}  {address}:{port} -> {each.target} on {master}")
    if kubeconfig:
        click.echo(f"kubectl --kubeconfig {kubeconfig} get nodes")
    ports = {each.name: listener.getsockname()[1] for each, listener in opened}
    if authority and OPENWHISK in ports:
        host = f"https://127.0.0.1:{ports[OPENWHISK]}"
        click.echo(f"SSL_CERT_FILE={authority} wsk --apihost {host} list")  # of Go, but for macOS
    click.echo("Ctrl-C ends it")


def _write_kubeconfig(path: Path, opened: Sequence[tuple[Forward, Listener]]) -> None:
    from deploys.k3s import API  # noqa: PLC0415
    from whisklab.engine.run.environment import current  # noqa: PLC0415

    store = SecretStore(current().secrets)
    text = store.read("kubeconfig")
    if text is None:
        raise WhisklabError(f"{store.path('kubeconfig')}: not there yet: deploy the cluster first")
    port = next(listener.getsockname()[1] for each, listener in opened if each.name == API)
    try:
        if path.exists() and not path.read_text(encoding="utf-8").startswith(HEADER):
            raise BadInput(f"{path}: is another file, not written by forward: name a new one")
        write_private(path, kubeconfig_at(text, port))
    except (OSError, UnicodeError) as error:
        raise WhisklabError(f"{path}: cannot be written: {error}") from error


def kubeconfig_at(text: str, port: int) -> str:
    """Return the environment's kubeconfig with a local port as its server. Pure."""
    config = yaml.safe_load(text)
    for each in config["clusters"]:
        each["cluster"]["server"] = f"https://127.0.0.1:{port}"
    return HEADER + "\n" + yaml.safe_dump(config, sort_keys=True)
