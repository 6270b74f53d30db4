"""Hosts of a lab made to look like anybody's: ports, jump hosts, a certificate, a sudo that asks.

Nothing of what the lab knows of them is given to `whisklab init`: just an ssh_config, as people
have one.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.cluster.asking import USER
from tests.e2e.cluster.site import Site

PORT = 2222  # of worker1's sshd, which nothing forwards
_CONFIG = """
Host *
  IdentityFile {key}
  IdentitiesOnly yes
  UserKnownHostsFile {known}
Host front
  HostName {front_address}
  Port {front_port}
  User {user}
Host middle
  HostName {middle}
  Port {port}
  User {asker}
  ProxyJump front
Host back
  HostName {back}
  User {user}
  ProxyJump middle
Host certified
  HostName {certified_address}
  Port {certified_port}
  User {user}
"""


def dress(site: Site, directory: Path) -> Path:
    """Change the hosts, and write what a user of theirs has; return the ssh_config.

    - front, the master: another port; known.
    - middle, worker1: behind front, another port; known; logs in a user whose sudo asks.
    - back, worker2: behind middle, which is behind front; unknown.
    - certified, the storage: known by who signed its host key.

    Args:
        site: bare hosts; on worker1 is the user of `asking`.
        directory: for the user's files.
    """
    site.root("worker1", f"printf 'Port 22\\nPort {PORT}\\n' > /etc/ssh/sshd_config.d/01-port.conf"
                         " && systemctl reload ssh")  # fmt: skip
    hosts = {each["name"]: each for each in site.lab["hosts"]}
    authority = _certify(site, directory, hosts["storage"]["ssh_address"])
    known = directory / "known_hosts"
    known.write_text(
        f"{_name(hosts['master'])} {host_key(site, 'master')}\n"
        f"[{hosts['worker1']['address']}]:{PORT} {host_key(site, 'worker1')}\n"
        f"@cert-authority * {authority}\n"
    )
    config = directory / "ssh_config"
    config.write_text(_CONFIG.format(
        key=site.lab["key"], known=known, user=site.lab["user"], asker=USER, port=PORT,
        front_address=hosts["master"]["ssh_address"], front_port=hosts["master"]["ssh_port"],
        middle=hosts["worker1"]["address"], back=hosts["worker2"]["address"],
        certified_address=hosts["storage"]["ssh_address"],
        certified_port=hosts["storage"]["ssh_port"],
    ))  # fmt: skip
    return config


def host_key(site: Site, host: str) -> str:
    """Return a host's public key, kind and text, as it has it."""
    return " ".join(site.root(host, "ssh-keygen -y -f /etc/ssh/ssh_host_ed25519_key").split()[:2])


def fingerprint(site: Site, host: str) -> str:
    """Return what a person reads on the console of a host."""
    return site.root(host, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key").split()[1]


def _name(host: dict[str, str]) -> str:
    return f"[{host['ssh_address']}]:{host['ssh_port']}"


def _certify(site: Site, directory: Path, address: str) -> str:
    """Sign the key of storage, as one for an address; return the authority's public key."""
    key, host = directory / "authority", directory / "host.pub"
    host.write_text(host_key(site, "storage") + "\n")
    for argv in (
        ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "authority", "-f", key),
        ("ssh-keygen", "-q", "-s", key, "-I", "storage", "-h", "-n", address, host),
    ):
        subprocess.run(argv, check=True)
    certificate = (directory / "host-cert.pub").read_text().strip()
    site.root("storage", f"echo '{certificate}' > /etc/ssh/host-cert.pub && "
              "echo HostCertificate /etc/ssh/host-cert.pub > /etc/ssh/sshd_config.d/01-cert.conf"
              " && systemctl reload ssh")  # fmt: skip
    return key.with_suffix(".pub").read_text().strip()
