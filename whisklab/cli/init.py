"""`whisklab init`: an inventory of machines that a user has."""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whisklab.cli.tables import table
from whisklab.errors import BadInput

if TYPE_CHECKING:
    from whisklab.init.found import Found, Network
    from whisklab.init.inventory import Files
    from whisklab.init.reached import Reached
    from whisklab.init.site import Entry

_COMPARE = (
    "compare each with what the machine itself says on its console "
    "(`for key in /etc/ssh/ssh_host_*.pub; do ssh-keygen -lf $key; done`)"
)


@click.command()
@click.argument("name")
@click.argument("hosts", nargs=-1, required=True)
@click.option(
    "--masters", type=click.IntRange(min=1), default=1, show_default=True,
    help="How many of the first machines are k3s servers.",
)  # fmt: skip
@click.option("--key", help="Path of the private key to log in with.")
@click.option("--ssh-config", help="Path of the ssh_config to use instead of your own.")
@click.option("--network", help="Where the cluster's addresses are, such as 192.168.0.0/24.")
@click.option(
    "--fingerprint", multiple=True,
    help="A host key that you have compared, as SHA256:...; may be repeated.",
)  # fmt: skip
@click.option(
    "--ask-sudo-password", is_flag=True,
    help="Ask for the password of sudo, and keep it in .secrets/NAME/sudo_password.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="What was found, as JSON, on stdout.")
def init(
    name: str,
    hosts: tuple[str, ...],
    masters: int,
    key: str | None,
    ssh_config: str | None,
    network: str | None,
    fingerprint: tuple[str, ...],
    ask_sudo_password: bool,
    as_json: bool,
) -> None:
    """Write inventories/NAME.py for machines that you have. Nothing is changed on them.

    HOSTS are [NAME=][USER@]HOST[:PORT]; HOST is what ssh takes: an address, a name, an alias of
    your ssh_config with its jump hosts. The first is the k3s server (--masters 3: the first three),
    the last of three or more has storage and registry (unless it is a server), those between are
    agents. A machine is called by its own host name, unless you say NAME=.

    Host keys come first: those that your known_hosts have are taken (also by a certificate
    authority there), others are shown for comparison, and nobody logs in before you have agreed.

    Exit code 0: written; 1: a machine is not reached, or lets nobody in; 2: bad input, or a host
    key that nobody has compared.
    """
    from whisklab.engine.run.start import session  # noqa: PLC0415  patches the standard library, must be first
    from whisklab.init import found, site  # noqa: PLC0415
    from whisklab.init.inventory import Files  # noqa: PLC0415
    from whisklab.init.reached import together  # noqa: PLC0415

    files, within = Files(name), _network(network)
    files.check()
    common = _common(files, key, ssh_config)
    machines = _known(files, hosts, ssh_config, fingerprint)
    if ask_sudo_password:
        _ask_password(name)
    _say(f"asking {len(hosts)} machines what they are")
    inventory = session.open_machines(
        name, {each.given: {**common, **each.data(common)} for each in machines}
    )

    def look(each: Reached) -> Found:
        with session.connected(inventory.hosts[each.given]) as host:
            return found.look(host)

    answers = together(look, machines)
    entries = site.entries(machines, answers, masters, within)
    written = site.write(files, common, entries)
    _tell(name, entries, written, as_json=as_json)


def _common(files: Files, key: str | None, ssh_config: str | None) -> dict[str, Any]:
    config = str(Path(ssh_config).expanduser()) if ssh_config else None  # nobody expands it later
    given = {"ssh_key": key, "ssh_config_file": config}
    return {
        **{name: value for name, value in given.items() if value},
        "ssh_known_hosts_file": str(files.keys),
        "ssh_strict_host_key_checking": "yes",
    }


def _network(given: str | None) -> Network | None:
    try:
        return ipaddress.ip_network(given) if given else None
    except ValueError as error:
        raise BadInput(
            f"--network {given}: expected a network such as 192.168.0.0/24 ({error})"
        ) from error


def _known(
    files: Files, hosts: Sequence[str], ssh_config: str | None, fingerprints: Sequence[str]
) -> list[Reached]:
    """Return the machines, each with a host key that somebody has confirmed and that is kept."""
    from whisklab.init import reached  # noqa: PLC0415
    from whisklab.init.openssh import OpenSSH  # noqa: PLC0415
    from whisklab.init.target import target  # noqa: PLC0415

    known = reached.Kept(files.keys, files.known())
    targets = {given: target(given) for given in hosts}
    ssh = OpenSSH(Path(ssh_config).expanduser() if ssh_config else None)
    _say(f"asking {len(hosts)} machines for their host keys")
    machines = reached.together(
        lambda given: reached.reach(ssh, given, targets[given], known), hosts
    )
    reached.distinct(machines)
    reached.check_fingerprints(machines, fingerprints)
    unknown = [each for each in machines
               if not each.trusted and each.key.fingerprint not in fingerprints]  # fmt: skip
    if unknown:
        _compare(unknown)
    files.keep({each.way.known_as: each.key for each in machines})
    return machines


def _compare(machines: Sequence[Reached]) -> None:
    lines = table([("", each.given, each.key.kind, each.key.fingerprint) for each in machines])
    for line in ["host keys that nobody has compared yet:", *lines]:
        _say(line)
    if not sys.stdin.isatty():
        words = " ".join(f"--fingerprint {each.key.fingerprint}" for each in machines)
        raise BadInput(
            f"{len(machines)} host keys are unknown: {_COMPARE}, then run again with {words}"
        )
    _say(_COMPARE)
    if click.prompt("Are they the same? yes or no", err=True) != "yes":
        raise BadInput("no host key was taken, and nothing was written")


def _ask_password(name: str) -> None:
    from whisklab.engine.data.secrets import SecretStore  # noqa: PLC0415
    from whisklab.engine.ssh.login import SUDO_PASSWORD  # noqa: PLC0415

    text = click.prompt("password of sudo on these machines", hide_input=True, err=True)
    SecretStore(Path(".secrets") / name).write(SUDO_PASSWORD, text)


def _tell(name: str, entries: Sequence[Entry], written: Sequence[Path], *, as_json: bool) -> None:
    if as_json:
        data = {"environment": name, "files": [str(each) for each in written],
                "machines": [each.as_data() for each in entries]}  # fmt: skip
        click.echo(json.dumps(data, indent=1))
        return
    rows = [
        (each.name, ",".join(each.groups), each.card.address, each.card.name, each.says.os,
         each.says.machine, f"{each.says.cpus} CPUs", f"{each.says.memory_mb} MB")
        for each in entries
    ]  # fmt: skip
    for line in table([("name", "groups", "address", "card", "", "", "", ""), *rows]):
        click.echo(line)
    click.echo(f"written: {', '.join(map(str, written))}; look at it, then `whisklab plan {name}`")


def _say(line: str) -> None:
    click.echo(line, err=True)
