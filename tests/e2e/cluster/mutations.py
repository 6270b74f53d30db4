"""Changes of what a deploy has made on hosts: each file, link, unit, mode and running setting."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby, zip_longest

from tests.e2e.cluster.site import Site
from tests.e2e.progress import without
from whisklab.engine.registries.secrets import NAMES as SECRETS
from whisklab.engine.tls.issuer import NAMES as AUTHORITY

NODES = {"master": "k3s", "worker1": "k3s-agent", "worker2": "k3s-agent"}
STORAGE = "storage"
EXPORT = "/var/nfs/kubedata"
REMOVED = "removed"
READ_LATER = ("/etc/rancher/k3s/registry-ca.crt",)  # at each pull, not when k3s starts
# What the deploy changes and hosts do not keep: the laptop's cache and secrets, and the cluster's
# objects, which have mutations of their own.
ELSEWHERE = re.compile(r"[\w-]+: (.*: fetch \||Secrets on the laptop|k3s: cluster \||labels \||"
                       r"provisioner \| (Release|Default))")  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """One change.

    Attributes:
        host: of it.
        thing: what is changed; no two of a thing are made at once.
        what: how, for people.
        operation: what a plan says will put it back.
        script: makes it, as root.
        restarts: units that start anew because of it.
    """

    host: str
    thing: str
    what: str
    operation: str
    script: str
    restarts: frozenset[str] = field(default=frozenset())

    def __str__(self) -> str:
        """Write it for people."""
        return f"{self.host}: {self.thing} {self.what}"


@dataclass(frozen=True)
class _Thing:
    host: str
    path: str
    operation: str
    runs: str = ""  # the unit that runs on its content

    def changed(self, what: str, script: str, *, content: bool = True) -> Mutation:
        restarts = frozenset({self.runs} if self.runs and content else ())
        return Mutation(self.host, self.path, what, self.operation, script, restarts)


def _file(thing: _Thing) -> Iterator[Mutation]:
    path, new = thing.path, f"{thing.path}.mutated"
    # A program that runs cannot be written to.
    yield thing.changed(
        "edited", f"cp -p {path} {new} && echo '# mutated' >> {new} && mv {new} {path}"
    )
    yield thing.changed("emptied", f"rm {path} && : > {path}")
    yield thing.changed("deleted", f"rm {path}")
    yield thing.changed("replaced by a link", f"rm {path} && ln -s /dev/null {path}")
    yield thing.changed("with another mode", f"chmod u+s,g+w {path}", content=False)
    yield thing.changed("of another owner", f"chown 1:1 {path}", content=False)


def _package(host: str, operation: str, name: str, thing: str = "") -> Mutation:
    script = f"dpkg --force-depends -r {name} >/dev/null 2>&1"
    return Mutation(host, thing or name, REMOVED, operation, script)


def _unit(host: str, unit: str, operation: str) -> Iterator[Mutation]:
    service = f"{unit}.service"
    yield Mutation(host, unit, "stopped", operation, f"systemctl stop {unit}", frozenset({service}))
    yield Mutation(host, unit, "disabled", operation, f"systemctl disable -q {unit}")


def _base(host: str) -> Iterator[Mutation]:
    entries = "base | Names of all machines in /etc/hosts"
    gone = "sed -i '/# BEGIN whisklab/,/# END whisklab/{/worker2/d}' /etc/hosts"
    yield Mutation(host, "/etc/hosts", "without a machine", entries, gone)
    gone = "sed -i '/# BEGIN whisklab/,/# END whisklab/d' /etc/hosts"
    yield Mutation(host, "/etc/hosts", "without our block", entries, gone)
    yield _package(host, "base | Packages", "jq")
    yield from _file(_Thing(host, "/etc/modules-load.d/whisklab.conf",
                            "base | Kernel modules at each start"))  # fmt: skip
    yield from _file(_Thing(host, "/etc/sysctl.d/90-whisklab.conf",
                            "base | Kernel settings at each start"))  # fmt: skip
    yield from _file(_Thing(host, "/etc/systemd/networkd.conf.d/whisklab.conf",
                            "base | networkd leaves others' routes"))  # fmt: skip
    yield Mutation(host, "net.ipv4.ip_forward", "off", "base | Kernel settings now",
                   "sysctl -q -w net.ipv4.ip_forward=0")  # fmt: skip
    yield Mutation(host, "address", "forgotten", "preflight: memory | Address remembered",
                   "rm /var/lib/whisklab/node_address")  # fmt: skip


MADE_WITHOUT = "mv {0} /root/ca && update-ca-certificates >/dev/null && mv /root/ca {0}"


def _authority(host: str) -> Iterator[Mutation]:
    path = "/usr/local/share/ca-certificates/whisklab.crt"
    yield from _file(_Thing(host, path, "authority | Certificate"))
    for what, script in (
        ("made without it", MADE_WITHOUT.format(path)),
        ("emptied", ": > /etc/ssl/certs/ca-certificates.crt"),
        ("deleted", "rm /etc/ssl/certs/ca-certificates.crt"),
    ):  # fmt: skip
        yield Mutation(host, "/etc/ssl/certs/ca-certificates.crt", what,
                       "authority | Trusted by programs", script)  # fmt: skip


def _node(host: str) -> Iterator[Mutation]:
    yield from _authority(host)
    unit = NODES[host]
    runs = f"{unit}.service"
    yield _package(host, "nfs | Packages", "nfs-common")
    for path, operation in (
        ("/usr/local/bin/k3s", "k3s: files | k3s binary"),
        ("/etc/rancher/k3s/config.yaml", "k3s: files | Configuration"),
        (f"/etc/systemd/system/{runs}", "k3s: files | systemd unit"),
        ("/etc/rancher/k3s/cluster-token", "k3s: files | Cluster token"),
        ("/etc/rancher/k3s/registries.yaml", "k3s: files | registries.yaml"),
        ("/etc/rancher/k3s/registry-ca.crt", "k3s: files | Registry's CA"),
    ):
        yield from _file(_Thing(host, path, operation, runs if path not in READ_LATER else ""))
    path = f"/etc/systemd/system/{runs}"
    for what, script in (("deleted", f"rm {path}"), ("masked", f"ln -sf /dev/null {path}")):
        yield Mutation(host, path, f"{what}, as systemd knows", "k3s: files | systemd unit",
                       f"{script} && systemctl daemon-reload", frozenset({runs}))  # fmt: skip
    images = "/var/lib/rancher/k3s/agent/images"
    for name, operation in (
        ("k3s-airgap-images", "k3s: files | Images for a closed network"),
        ("nfs-subdir-external-provisioner-images",
         "k3s: files | Images of nfs-subdir-external-provisioner"),
        ("openwhisk-images", "k3s: files | Images of openwhisk"),
    ):  # fmt: skip
        yield from _file(_Thing(host, f"{images}/{name}-amd64.tar.gz", operation))
    for name in ("kubectl", "crictl", "ctr"):
        path = f"/usr/local/bin/{name}"
        yield Mutation(host, path, "deleted", f"k3s: files | Link {path}", f"rm {path}")
    yield from _unit(host, unit, f"k3s: service | Service {unit}")
    yield Mutation(host, f"{unit}'s record", "deleted", f"k3s: service | Service {unit}",
                   f"rm /run/whisklab/{unit}.started", frozenset({runs}))  # fmt: skip


def _master() -> Iterator[Mutation]:
    for path, operation in (
        ("/usr/local/bin/helm", "helm: files | Helm"),
        ("/usr/local/bin/wsk", "wsk: files | wsk"),
        ("/root/.wskprops", "wsk: files | Whom root's wsk talks to"),
        ("/home/lab/.wskprops", "wsk: files | Whom lab's wsk talks to"),
    ):
        yield from _file(_Thing("master", path, operation))
    for name in AUTHORITY:
        operation = f"authority | Kept for other laptops: {name}"
        yield from _file(_Thing("master", f"/var/lib/whisklab/authority/{name}", operation))


def _storage() -> Iterator[Mutation]:
    exports, directory = "nfs | Exports", "nfs | Export directories"
    file = "/etc/exports.d/whisklab.exports"
    yield _package(STORAGE, "nfs | Packages", "nfs-kernel-server", "nfs-server")
    yield Mutation(STORAGE, "br_netfilter", "unloaded", "base | Kernel modules now",
                   "modprobe -r br_netfilter")  # fmt: skip
    for what, script in (
        ("edited", f"echo '# mutated' >> {file}"),
        ("emptied", f": > {file}"),
        ("deleted", f"rm {file}"),
    ):
        yield Mutation(STORAGE, file, what, exports, script)
    for what, script in (
        ("no longer exported", f"exportfs -u '*:{EXPORT}'"),
        ("exported with other options", f"exportfs -o ro,sync,root_squash '*:{EXPORT}'"),
    ):
        yield Mutation(STORAGE, "nfs-server", what, exports, script)
    yield Mutation(STORAGE, EXPORT, "for root only", directory, f"chmod 700 {EXPORT}")
    yield Mutation(STORAGE, EXPORT, "of another owner", directory, f"chown 1:1 {EXPORT}")
    yield from _unit(STORAGE, "nfs-server", "nfs | Service nfs-server")


def _registry() -> Iterator[Mutation]:
    directory, install = "/etc/whisklab-registry", "registry: install |"
    doors = ("whisklab-registry", "whisklab-registry-push")
    both = frozenset(f"{door}.service" for door in doors)
    for name in ("tls.crt", "tls.key"):
        path = f"{directory}/{name}"
        for each in _file(_Thing(STORAGE, path, f"{install} TLS: {path}")):
            yield replace(each, restarts=both if "another" not in each.what else frozenset())
    path = f"{directory}/ca.crt"
    yield from _file(_Thing(STORAGE, path, f"{install} TLS: {path}"))
    yield from _file(_Thing(STORAGE, "/usr/local/bin/whisklab-registry", f"{install} Program"))
    for name in SECRETS:
        path, operation = f"/var/lib/whisklab/registry/{name}", f"{install} Kept for other laptops"
        yield from _file(_Thing(STORAGE, path, f"{operation}: {name}"))
    images = "/var/lib/whisklab-registry"
    yield Mutation(STORAGE, images, "for everybody", f"{install} Images", f"chmod 777 {images}")
    yield Mutation(STORAGE, images, "of another owner", f"{install} Images", f"chown 1:1 {images}")
    account = "whisklab-registry"
    for what, script in (  # of one thing: a user that is gone has no shell to be changed
        ("without its user", f"sed -i '/^{account}:/d' /etc/passwd /etc/shadow"),
        ("without its group", f"sed -i '/^{account}:/d' /etc/group /etc/gshadow"),
        ("with another shell", f"usermod --shell /bin/sh {account}"),
        ("of another group", f"usermod --gid 0 {account}"),
    ):
        yield Mutation(STORAGE, f"account {account}", what, f"{install} Account", script)
    for door in doors:
        service = f"{door}.service"
        path = f"{directory}/{door}.yml"
        yield from _file(_Thing(STORAGE, path, f"{install} Configuration {path}", service))
        path = f"{directory}/{door}.accounts"
        yield from _file(_Thing(STORAGE, path, f"{install} Configuration {path}"))
        path = f"/etc/systemd/system/{service}"
        yield from _file(_Thing(STORAGE, path, f"{install} Unit {path}", service))
        yield from _unit(STORAGE, door, f"{install} Service {door}")


def mutations() -> list[Mutation]:
    """All changes that are tried."""
    found = [each for host in (*NODES, STORAGE) for each in _base(host)]
    found += [each for host in NODES for each in _node(host)]
    return [*found, *_master(), *_storage(), *_registry()]


def left_out(deployed: str) -> set[str]:
    """Return what a deploy said to have changed on hosts and no mutation undoes.

    Args:
        deployed: what it printed, `host: operation: why`.
    """
    # Operations of pyinfra's own say no reason.
    known = {f"{each.host}: {each.operation}" for each in mutations()}
    begins = tuple(f"{each}: " for each in known)
    of_host = re.compile(r"(?:master|worker\d|storage): ")
    said = [line for line in without(deployed) if of_host.match(line) and line not in known]
    return {line for line in said if not line.startswith(begins) and not ELSEWHERE.match(line)}


def drawn(seed: int, count: int) -> list[Mutation]:
    """Changes of different things, drawn by a seed."""
    generator = random.Random(seed)  # noqa: S311  no secret
    everything = sorted(mutations(), key=_of_one)
    things = [list(of_one) for _, of_one in groupby(everything, key=_of_one)]
    return [generator.choice(of_one) for of_one in generator.sample(things, count)]


def alone() -> list[list[Mutation]]:
    """All changes, in rounds in which each host has one at most."""
    everything = mutations()
    hosts = [[each for each in everything if each.host == host] for host in (*NODES, STORAGE)]
    return [list(filter(None, each)) for each in zip_longest(*hosts)]


def _of_one(mutation: Mutation) -> tuple[str, str]:
    return mutation.host, mutation.thing


def make(site: Site, chosen: Iterable[Mutation]) -> None:
    """Make all changes, of all hosts side by side; packages are removed last."""
    by_host: dict[str, list[str]] = {}
    for each in sorted(chosen, key=lambda each: each.what == REMOVED):
        by_host.setdefault(each.host, []).append(f"{{ {each.script}; }} || exit 1")
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: site.root(host, "\n".join(by_host[host])), by_host))


_STATE = r"""
stat -c '%n %F %a %U:%G' "$@" 2>&1; sha256sum "$@" 2>&1
sysctl net.ipv4.ip_forward; cat /etc/hosts /var/lib/whisklab/node_address; exportfs -s
systemctl is-enabled k3s k3s-agent nfs-server whisklab-registry whisklab-registry-push
systemctl show -p Id,LoadState,NeedDaemonReload k3s k3s-agent nfs-server whisklab-registry
id whisklab-registry
dpkg-query -W -f '${Package} ${db:Status-Status}\n' jq nfs-common nfs-kernel-server
"""


def state(site: Site) -> set[str]:
    """What of all this each host is like."""

    def look(host: str) -> set[str]:
        paths = sorted({each.thing for each in mutations() if each.host == host})
        files = [path for path in paths if path.startswith("/")]
        said = site.root(host, f"set -- {' '.join(files)}\n{_STATE}", check=False)
        return {f"{host}: {line}" for line in said.splitlines()}

    with ThreadPoolExecutor() as pool:
        return set.union(*pool.map(look, site.hosts))
