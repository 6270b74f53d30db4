"""What a deploy leaves behind, as lines that are the same whenever the state is the same.

It is seen from outside, through OpenSSH. No times, no process ids, and not the content of what is
made at random for each new cluster.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.e2e.cluster.site import LOGIN_UNITS, Site

WATCHED = ("/etc", "/usr", "/opt", "/root", "/home", "/tmp", "/run/whisklab", "/var/lib/whisklab",
           "/var/lib/apt", "/var/lib/dpkg", "/var/lib/rancher/k3s/agent/images")  # fmt: skip
# Only that they are there, with which mode and owner, is the same in each new cluster.
RANDOM = (
    "/etc/rancher/k3s/k3s.yaml",  # certificates
    "/etc/rancher/node/password",
)
# What differs without a difference: directories of systemd's, and what the host remembers of
# looks at its large files, and of the run before. (Neither is what kubectl, which the tests run,
# caches in /root/.kube.)
PASSING = ("/tmp/systemd-private-", "/run/whisklab/digests", "/run/whisklab/run.before")
ON_DEMAND = ("systemd-hostnamed",)  # started by a question, ends when nobody asks
OURS = "whisklab.dev/"
RELEASE = "helm.sh/release.v1"  # type of a secret

# Files since the start of the machine by content, those of its image by size.
_LOOK = r"""
set -e; export LC_ALL=C
look() { find $(ls -d $watched 2>/dev/null) -xdev -path /root/.kube -prune -o "$@"; }
look -printf '%p|%y|%m|%U:%G|%l|\n'
look -type f -cnewer /proc/1 -exec sha256sum {} + \
  | sed -E 's/^([0-9a-f]+)  (.*)/\2|sha256|\1/'
look -type f ! -cnewer /proc/1 -printf '%p|size|%s\n'
dpkg-query -W -f 'package|${Package}|${Version}|${db:Status-Abbrev}\n'
systemctl list-units --type=service --state=active,failed --no-legend --plain \
  | awk '{print "unit|" $1 "|" $3 "|" $4}'
systemctl list-unit-files --type=service --state=enabled --no-legend | awk '{print "enabled|" $1}'
systemctl show -p Id,NeedDaemonReload k3s k3s-agent | paste -sd ' ' | sed 's/^/reload|/'
echo "mount|$(systemctl is-active var-nfs.mount)"
grep -H . /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/hostname | sed 's/:/|/'
"""


def machine(site: Site, host: str) -> set[str]:
    """Return the lines of one machine: files, packages, services, kernel settings."""
    lines = site.root(host, f"watched='{' '.join(WATCHED)}'\n{_LOOK}").splitlines()
    return {f"{host}: {line}" for line in lines if _counts(line)}


def _counts(line: str) -> bool:
    what, _, rest = line.partition("|")
    kind = rest.split("|")[0]
    if what == "unit":
        return not kind.startswith((*LOGIN_UNITS, *ON_DEMAND))
    return not what.startswith(PASSING) and not (kind == "sha256" and what in RANDOM)


def cluster(site: Site) -> set[str]:
    """Return the lines of nodes, storage classes and deployments, and of Helm's releases."""
    nodes = site.objects("nodes")
    others = site.objects("deployments,storageclasses,secrets", "-A")
    return {line for node in nodes for line in _node(node)} | {
        line for each in others if (line := _object(each))
    }


def _object(each: dict[str, Any]) -> str | None:
    kind, meta = each["kind"], each["metadata"]
    if kind == "Deployment":
        ready = each["status"].get("readyReplicas", 0) == each["spec"]["replicas"]
        return f"deployment {meta['name']}: {'ready' if ready else each['status']}"
    if kind == "StorageClass":
        return f"class {meta['name']}: {each['provisioner']} {each['reclaimPolicy']}"
    # One for each revision; how many there are does not matter.
    if each["type"] == RELEASE and meta["labels"]["status"] != "superseded":
        return f"release {meta['labels']['name']}: {meta['labels']['status']}"
    return None


def _node(node: dict[str, Any]) -> set[str]:
    meta, conditions = node["metadata"], node["status"]["conditions"]
    found = [f"label {key}={value}" for key, value in meta["labels"].items()]
    found += [f"{k}={v}" for k, v in meta["annotations"].items() if k.startswith(OURS)]
    found += [f"taint {taint['key']}:{taint['effect']}" for taint in node["spec"].get("taints", [])]
    found += [f"{c['type']} is {c['status']}" for c in conditions]
    return {f"node {meta['name']}: {line}" for line in found}


def laptop(site: Site) -> set[str]:
    """Return the lines of the laptop: its secrets, with their modes."""
    files = (site.directory / f".secrets/{site.name}").iterdir()
    return {f"laptop: {file.name} {file.stat().st_mode:o}" for file in files}


def everything(site: Site) -> set[str]:
    """Return all lines."""
    with ThreadPoolExecutor() as pool:
        machines = pool.map(lambda host: machine(site, host), site.hosts)
        return set.union(cluster(site), laptop(site), *machines)
