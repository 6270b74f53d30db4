"""What is asked of a server's etcd before k3s brings the next minor of it.

etcd 3.6 reads the list of members in another place than 3.5 did, where those that were removed long
ago may still stand; they are counted again, and the quorum may be lost. 3.5.26 mends that list at
its start, and there is no other safe way (k3s-io/k3s pull request 13493).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pyinfra.api import FactBase
from pyinfra.api.command import StringCommand

from deploys.k3s import rolling
from whisklab.engine.scripts import script

MENDED = (3, 5, 26)
ITS_NEXT = (3, 6)
NEXT_SINCE = (1, 34)  # the first k3s whose every release has etcd 3.6
SUCH = "v1.33.7+k3s3"  # of January 2026, which has MENDED
NODE_NAME = "etcd.k3s.cattle.io/node-name"  # annotation of a node: its member's name
URL = "https://127.0.0.1:2379"
WITHIN = "10"  # seconds

# Not --fail: what an error says is told.
_ASK = r"""
test -d "$1/db/etcd/member" || exit 0
ask() {
  curl -sS -m "$within" --cacert "$tls/server-ca.crt" --cert "$tls/client.crt" \
    --key "$tls/client.key" "$@" 2>&1 | tr -d '\n'; echo
}
tls=$1/tls/etcd url=$2 within=$3
ask "$url/version"
ask -d '{}' "$url/v3/cluster/member/list"
"""


@dataclass(frozen=True)
class Etcd:
    """The etcd of a server.

    Attributes:
        version: of the program that runs, as numbers; None when it does not answer.
        members: the names of all members; empty when it does not answer.
        said: what it said in place of that.
    """

    version: tuple[int, ...] | None
    members: tuple[str, ...] = ()
    said: str = ""


class EtcdState(FactBase[Etcd | None]):
    """The etcd of the server whose data are in `directory`; None when it has no etcd."""

    momentary = True

    def command(self, directory: str) -> StringCommand:
        """Print two answers of its API, a line each."""
        return script(_ASK, directory, URL, WITHIN)

    def process(self, output: list[str]) -> Etcd:
        """Parse them."""
        try:
            about, listed = (json.loads(line) for line in output)
            numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", about["etcdserver"])
            # One that was never started has no name yet.
            names = tuple(
                str(each.get("name") or ", ".join(each["peerURLs"])) for each in listed["members"]
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return Etcd(None, said=output[0][:200])
        return Etcd(tuple(map(int, numbers.groups())) if numbers else None, names)


def brings_next(found: str | None, wanted: str) -> bool:
    """Tell whether a change of a server's k3s brings it etcd 3.6. Pure.

    Args:
        found: the version that is there; None for the wanted one or none.
        wanted: the version that is to run.
    """
    before, after = rolling.numbers(found or ""), rolling.numbers(wanted)
    return bool(before and after and before[:2] < NEXT_SINCE <= after[:2])


def refusals(name: str, etcd: Etcd | None, nodes: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return why a server cannot go to the next etcd now. Pure.

    Args:
        name: of the server.
        etcd: what it has; None for another datastore.
        nodes: of the cluster, as the API has them; empty while it does not answer.
    """
    if etcd is None or (etcd.version and etcd.version[:2] >= ITS_NEXT):
        return []
    if etcd.version is None:
        sentence = (
            f"etcd: that of {name} does not say its version ({etcd.said}), and not every one can "
            "go to 3.6: have k3s running there first"
        )
        return [sentence]
    found = []
    if etcd.version < MENDED:
        version = ".".join(map(str, etcd.version))
        found.append(
            f"etcd: {name} has etcd {version}, after which 3.6 may count members again that were "
            f"removed: set k3s_version to a v1.33 with etcd 3.5.26, such as {SUCH}, and deploy "
            "that first"
        )
    ghosts = sorted(set(etcd.members) - _of_nodes(nodes)) if _of_nodes(nodes) else []
    found += [
        f"etcd: {name} counts the member {each}, which is no node of the cluster, and whose vote "
        "the next etcd would wait for: remove it (`etcdctl member remove`)"
        for each in ghosts
    ]
    return found


def _of_nodes(nodes: Iterable[Mapping[str, Any]]) -> set[str]:
    annotations = [each["metadata"].get("annotations") or {} for each in nodes]
    return {str(each[NODE_NAME]) for each in annotations if NODE_NAME in each}
