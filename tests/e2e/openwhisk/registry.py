"""A real registry with an account on a lab's storage host: Debian's docker-registry.

It is the CNCF distribution, 2.8.2. Over plain HTTP: trust is not what it is there for.
"""

from __future__ import annotations

import re
import secrets
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt

from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until
from whisklab.lab.standins.debian import unpacked

HOST, PORT, UNIT, USER = "storage", 5000, "lab-registry", "nodes"
ROOM = "/var/lib/lab-registry"
CONFIG = f"""\
version: 0.1
log: {{level: info, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {ROOM}/data}}}}
http: {{addr: ":{PORT}"}}
auth: {{htpasswd: {{realm: lab, path: {ROOM}/htpasswd}}}}
"""
_WORD = re.compile(r'(\S+?)=("[^"]*"|\S+)')
_MANIFEST = re.compile(r"/v2/(.+)/manifests/[^/]+")
# All of a node's images but k3s's own, each under the name that it has behind a prefix.
_PUSH = """
set -e; ctr() { k3s ctr -n k8s.io images "$@"; }
for name in $(ctr ls -q | grep ^docker.io/ | grep -v ^docker.io/rancher/); do
  there=$1/${name#docker.io/}; there=$(echo "$there" | sed s,/library/,/,)
  ctr tag --force "$name" "$there" > /dev/null
  ctr push --plain-http --user "$2" "$there" > /dev/null
  ctr rm "$there" > /dev/null
  echo "$there"
done
"""


@dataclass(frozen=True)
class Registry:
    """A registry that runs.

    Attributes:
        address: `host:port`, as the nodes reach it.
        password: of the account `USER`.
    """

    address: str
    password: str = field(repr=False)

    def pulled(self, site: Site) -> set[tuple[str, str]]:
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


def started(site: Site, work: Path) -> Registry:
    """Start it, empty.

    Args:
        site: the lab.
        work: an empty directory on this machine.
    """
    program = unpacked(work, ["docker-registry"], print) / "usr/bin/docker-registry"
    address = next(each["address"] for each in site.lab["hosts"] if each["name"] == HOST)
    found = Registry(f"{address}:{PORT}", secrets.token_hex(16))
    known = bcrypt.hashpw(found.password.encode(), bcrypt.gensalt(4)).decode()
    site.root(HOST, f"install -d -m 700 {ROOM}/data")
    _put(site, f"{ROOM}/docker-registry", program.read_bytes())
    _put(site, f"{ROOM}/config.yml", CONFIG.encode())
    _put(site, f"{ROOM}/htpasswd", f"{USER}:{known}\n".encode())
    serve = f"{ROOM}/docker-registry serve {ROOM}/config.yml"
    site.root(HOST, f"systemd-run -q --unit {UNIT} {serve}")
    ask = f"curl -s -o /dev/null -w '%{{http_code}}' http://{found.address}/v2/"
    until("the registry wants an account", lambda: site.root(HOST, ask, check=False) == "401")
    return found


def filled(site: Site, registry: Registry, node: str) -> list[str]:
    """Push the images of a node; return their names behind the prefix."""
    account = f"{USER}:{registry.password}"
    return site.ssh(
        node, "sudo", "sh", "-c", _PUSH, "-", registry.address, account
    ).splitlines()  # fmt: skip


def _put(site: Site, path: str, data: bytes) -> None:
    script = f"umask 077; cat > {path} && chmod 700 {path}"
    subprocess.run(
        [*site.ssh_command(HOST), f"sudo sh -c '{script}'"],
        input=data, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
