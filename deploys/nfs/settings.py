"""What `nfs` reads from the data."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from whisklab.engine.data.settings import Settings

CLUSTER = "cluster"  # as a client: the addresses of all nodes
# exports(5) would need quoting for other characters.
PATH = re.compile(r"/[\w.,:+/@-]*")
CLIENT = re.compile(r"[\w.:*?@/\[\]-]+")
NAME = re.compile(r"[\w.-]+")
VALUED = ("anonuid", "anongid", "fsid", "sec", "mountpoint", "mp", "refer", "replicas", "xprtsec")
# Options that exclude one another, the default first.
PAIRS = (
    ("ro", "rw"), ("sync", "async"), ("wdelay", "no_wdelay"), ("hide", "nohide"),
    ("nocrossmnt", "crossmnt"), ("secure", "insecure"), ("root_squash", "no_root_squash"),
    ("no_all_squash", "all_squash"), ("no_subtree_check", "subtree_check"),
    ("secure_locks", "insecure_locks"), ("acl", "no_acl"), ("no_pnfs", "pnfs"),
)  # fmt: skip
WORDS = frozenset(word for pair in PAIRS for word in pair)


def _path(value: str) -> str:
    if not PATH.fullmatch(value) or str(PurePosixPath(value)) != value or ".." in value:
        raise ValueError("expected an absolute path of plain characters such as /var/nfs/kubedata")
    return value


def _client(value: str) -> str:
    if not CLIENT.fullmatch(value):
        raise ValueError("expected a client as in exports(5), such as 10.0.0.0/24, *, or cluster")
    if value != CLUSTER and NAME.fullmatch(value) and not re.fullmatch(r"[\d.]+", value):
        raise ValueError(
            "expected an address, a network, *.example.org, @netgroup, * or cluster: exportfs "
            "keeps a plain name under another one"
        )
    return value


def _option(value: str) -> str:
    key, equals, rest = value.partition("=")
    known = (key in VALUED and rest) if equals else key in WORDS
    if not known or re.search(r"[\s,()\"#]", value):
        raise ValueError("expected one option of exports(5), such as no_root_squash or fsid=0")
    return value


def _once(exports: list[Export]) -> list[Export]:
    paths = [export.path for export in exports]
    if len(set(paths)) != len(paths):
        raise ValueError("expected each path once; one export may have several clients")
    return exports


class Export(BaseModel):
    """A directory and who may mount it how.

    Attributes:
        path: the directory on the storage host; it is made when it is not there.
        clients: as in exports(5); the word `cluster` stands for the addresses of all nodes.
        options: as in exports(5), the same for all clients.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, AfterValidator(_path)]
    clients: Annotated[list[Annotated[str, AfterValidator(_client)]], Field(min_length=1)] = ["*"]
    options: list[Annotated[str, AfterValidator(_option)]] = [
        "rw", "sync", "no_subtree_check", "no_root_squash", "no_all_squash",
    ]  # fmt: skip


class NfsSettings(Settings):
    """What the machines of the group storage export over NFS.

    "*" is everybody who reaches the machine: right for a network of its own. Safer: clients
    ["cluster"], which are the addresses of the nodes. Clients and options are those of exports(5).

    Attributes:
        exports: what is exported to whom. One that leaves the list is no longer exported; its
            files stay.
    """

    prefix: ClassVar[str] = "nfs_"

    exports: Annotated[list[Export], AfterValidator(_once)] = [Export(path="/var/nfs/kubedata")]
