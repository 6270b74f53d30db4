"""What a k3s is told that somebody else has installed, by upstream's script for example.

Its settings are flags in the unit, variables beside it, and a config.yaml; ours replace all three.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand

from deploys.k3s import keys, lasting, render
from whisklab.engine.scripts import script
from whisklab.engine.tls.certificates import Certificate

_PROGRAM = Path(__file__).with_name("installed.awk")
# Of k3s's flags (pkg/cli/cmds), and what its install script puts into the file beside the unit.
VARIABLES = {
    "K3S_AGENT_TOKEN": "agent-token",
    "K3S_AGENT_TOKEN_FILE": "agent-token-file",
    "K3S_CLUSTER_INIT": "cluster-init",
    "K3S_CONFIG_FILE": "config",
    "K3S_DATASTORE_CAFILE": "datastore-cafile",
    "K3S_DATASTORE_CERTFILE": "datastore-certfile",
    "K3S_DATASTORE_ENDPOINT": "datastore-endpoint",
    "K3S_DATASTORE_KEYFILE": "datastore-keyfile",
    "K3S_DATA_DIR": "data-dir",
    "K3S_DEBUG": "debug",
    "K3S_KUBECONFIG_GROUP": "write-kubeconfig-group",
    "K3S_KUBECONFIG_MODE": "write-kubeconfig-mode",
    "K3S_KUBECONFIG_OUTPUT": "write-kubeconfig",
    "K3S_LB_SERVER_PORT": "lb-server-port",
    "K3S_NODE_NAME": "node-name",
    "K3S_RESOLV_CONF": "resolv-conf",
    "K3S_SELINUX": "selinux",
    "K3S_TOKEN": "token",
    "K3S_TOKEN_FILE": "token-file",
    "K3S_URL": "server",
    "K3S_VPN_AUTH": "vpn-auth",
    "K3S_VPN_AUTH_FILE": "vpn-auth-file",
}
NODE = "system:node:"  # before a node's name, in the certificate of its kubelet
CONFIG_FLAG = "config"
SHOWN = (keys.SERVER | {CONFIG_FLAG}) - render.SECRET_KEYS
SECRET = render.SECRET_KEYS | {"cluster-secret"}
# What our token-file is in place of; beforehand compares the tokens themselves.
TOKENS = {"token", "token-file", "cluster-secret"}

_READ = """
header=$1 shown=$2 secret=$3 program=$4 unit=$5 config=$6; set --
ours() { head -n 1 "$1" | grep -qxF -e "$header"; }
test -f "$unit" && ! ours "$unit" || exit 0
if test -f "$unit.env"; then set -- "$@" kind=env "$unit.env"; fi
if test -f "$config" && ! ours "$config"; then set -- "$@" kind=config "$config"; fi
uname -n
awk -v "shown= $shown " -v "secret= $secret " "$program" "$@" kind=unit "$unit"
"""


@dataclass(frozen=True)
class Given:
    """A setting of k3s.

    Attributes:
        place: the file that says it.
        name: a key of config.yaml, or a variable that is none.
        values: None where they may be secret.
    """

    place: str
    name: str
    values: tuple[str, ...] | None


@dataclass(frozen=True)
class Installed:
    """A k3s that no run has installed: the name of its machine, and what it is told, by key."""

    hostname: str
    given: Mapping[str, Given]


class ForeignK3s(FactBase[Installed | None]):
    """What the k3s of a `unit` is told that does not begin with our header; None without one."""

    def command(self, unit: str, config: str) -> StringCommand:
        """Print the machine's name, and a line for each setting, those that win at the end."""
        variables = (name for name, key in VARIABLES.items() if key in SHOWN)
        return script(
            _READ, render.HEADER, " ".join([*sorted(SHOWN), *variables]), " ".join(sorted(SECRET)),
            _PROGRAM.read_text(), unit, config,
        )  # fmt: skip

    def process(self, output: list[str]) -> Installed:
        """Parse them."""
        hostname, *lines = output
        given: dict[str, Given] = {}
        for line in lines:
            place, name, *value = line.split("\t")
            if not name or len(value) > 1:
                raise FactProcessError(f"unexpected answer on an installed k3s: {place}")
            one = Given(
                place, VARIABLES.get(name, name), lasting.values(value[0]) if value else None
            )
            known = given.get(one.name)
            if known and known.place == place:  # it is said several times
                one = replace(one, values=(*(known.values or ()), *(one.values or ())) or None)
            given[one.name] = one
        return Installed(hostname, given)


class InSqlite(FactBase[bool]):
    """Whether the server whose data are in `directory` keeps the cluster in SQLite."""

    @staticmethod
    def default() -> bool:
        """It does not."""
        return False

    def command(self, directory: str) -> StringCommand:
        """Look for its file, and for an etcd that is in its place since."""
        return script(
            'if test -f "$1/db/state.db" && ! test -d "$1/db/etcd"; then echo yes; fi', directory
        )

    def process(self, output: list[str]) -> bool:
        """There is a line when it does."""
        return bool(output)


def to_etcd(name: str) -> str:
    """Return what to say of a server that k3s will move from SQLite into etcd."""
    return (
        f"{name}: its k3s keeps the cluster in SQLite and will move it into etcd, which has no way "
        "back: set k3s_cluster_init = False to leave it where it is"
    )


def settings(found: Installed, node: str | None) -> dict[str, object]:
    """Return what k3s runs with, as config.yaml would say it. Pure.

    Args:
        found: what it is told.
        node: the name that its certificate says; None takes the machine's, as k3s does.
    """
    told = {
        name: lasting.HIDDEN if each.values is None else ",".join(each.values)
        for name, each in found.given.items()
    }
    return {**told, "node-name": node or told.get("node-name", found.hostname.lower())}


def node_names(certificates: Iterable[Certificate]) -> list[str]:
    """Return the names of nodes that certificates of kubelets say. Pure."""
    return [each.name.removeprefix(NODE) for each in certificates if each.name.startswith(NODE)]


def elsewhere(name: str, found: Installed) -> list[str]:
    """Return why what a k3s is told cannot be compared. Pure."""
    config = found.given.get(CONFIG_FLAG)
    if config is None or config.values == (render.CONFIG,):
        return []
    sentence = (
        f"config: the k3s of {name} reads {', '.join(config.values or ())}, as {config.place} "
        "says, which no run compares: put what is in it into k3s_server_config or "
        "k3s_agent_config, and take it out there"
    )
    return [sentence]


def lost(
    name: str, found: Installed, wanted: Mapping[str, object], environment: str | None
) -> str | None:
    """Return what to say of settings that k3s will have no more; None without any. Pure.

    Args:
        name: of the machine.
        found: what its k3s is told.
        wanted: what it is to be told, by key of config.yaml.
        environment: content of the file that its unit reads.
    """
    gone = [each for each in found.given.values() if not _stays(each, wanted, environment)]
    if not gone:
        return None
    places = {each.place: [_shown(one) for one in gone if one.place == each.place] for each in gone}
    said = "; ".join(f"{', '.join(shown)} of {place}" for place, shown in places.items())
    return (
        f"{name}: its k3s was set up by somebody else, and will have no more: {said}: what is to "
        "stay goes into k3s_server_config or k3s_agent_config"
    )


def _stays(given: Given, wanted: Mapping[str, object], environment: str | None) -> bool:
    name = given.name
    if name in lasting.FIXED or name in TOKENS or name == CONFIG_FLAG:
        return True  # refused elsewhere, if it differs
    if name not in keys.SERVER:
        return any(line.startswith(f"{name}=") for line in (environment or "").splitlines())
    ours = {key for key in (name, f"{name}+", f"{name}-file") if key in wanted}
    if given.values is None:
        return bool(ours)
    kept: Iterable[str] = [one for key in ours for one in lasting.values(wanted[key])]
    default = lasting.DEFAULTS.get(name, "false")
    return set(given.values) <= set(kept) or given.values == (default,)


def _shown(given: Given) -> str:
    if given.name not in keys.SERVER:
        return given.name
    values = "" if given.values is None else f"={','.join(given.values)}"
    return f"{given.name}{values}"
