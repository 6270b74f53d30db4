"""The platform's own registry: a node's images in it, and who pulled what."""

from __future__ import annotations

import re

from tests.e2e.cluster.site import Site

HOST, UNIT = "storage", "whisklab-registry"
PULL, PUSH = "10.77.0.14:5000", "10.77.0.14:5001"
CA = "/etc/rancher/k3s/registry-ca.crt"
_WORD = re.compile(r'(\S+?)=("[^"]*"|\S+)')
_MANIFEST = re.compile(r"/v2/(.+)/manifests/[^/]+")
# All of a node's images but k3s's own, each under the name that it has behind a prefix.
# The ctr of Debian 12 (containerd 1.6) ends a push now and then with "failed to copy", where the
# registry has answered before it was done reading: containerd/containerd issues 5734 and 7972.
_PUSH = """
set -e; ctr() { k3s ctr -n k8s.io images "$@"; }
push() { ctr push --tlscacert "$2" --user "$3" "$1" > /dev/null; }
for name in $(ctr ls -q | grep ^docker.io/ | grep -v ^docker.io/rancher/); do
  there=$1/${name#docker.io/}; there=$(echo "$there" | sed s,/library/,/,)
  ctr tag --force "$name" "$there" > /dev/null
  push "$there" "$2" "$3" || push "$there" "$2" "$3" || push "$there" "$2" "$3"
  ctr rm "$there" > /dev/null
  echo "$there"
done
"""


def filled(site: Site, node: str) -> list[str]:
    """Push the images of a node; return their names."""
    password = (site.directory / f".secrets/{site.name}/registry_push").read_text().strip()
    argv = ("sudo", "sh", "-c", _PUSH, "-", PUSH, CA, f"push:{password}")
    # Each repository gets the common layers anew, and a busy machine takes 100 s for all.
    return site.ssh(node, *argv, within=400).splitlines()


def pulled(site: Site) -> set[tuple[str, str]]:
    """Return who was given the manifest of which image: address, and name behind the prefix.

    Layers that a node has already are not asked for.
    """
    said = site.root(HOST, f"journalctl -o cat -u {UNIT}")
    found = set()
    for line in said.splitlines():
        words = dict(_WORD.findall(line))
        name = _MANIFEST.fullmatch(words.get("http.request.uri", "").strip('"'))
        if name and words.get("http.response.status") == "200":
            address, _, _ = words["http.request.remoteaddr"].strip('"').rpartition(":")
            found.add((address, name[1]))
    return found
