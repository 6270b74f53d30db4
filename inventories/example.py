"""Machines you already have: `whisklab init` writes such a file, or copy this one and name yours.

Each needs sshd, systemd, an ordinary user who may use sudo, and your key in its authorized_keys.
Their host keys must be known: `ssh-keyscan HOST >> ~/.ssh/known_hosts` after you have compared the
fingerprints. Where sudo asks for a password, write it to .secrets/<name>/sudo_password, mode 0600.

Settings for these machines go to group_data/<name>.py; group_data/all.py lists them all.
"""

_ssh = {
    "ssh_user": "ubuntu",
    "ssh_key": "~/.ssh/id_ed25519",
    "ssh_strict_host_key_checking": "yes",
}

# node_address: the machine's address in the network of the cluster.
# ssh_hostname: where SSH goes, when that is not the name (or an alias of ~/.ssh/config).
masters = [
    ("master", {**_ssh, "ssh_hostname": "192.0.2.11", "node_address": "192.0.2.11"}),
]
workers = [
    ("worker1", {**_ssh, "ssh_hostname": "192.0.2.12", "node_address": "192.0.2.12"}),
    ("worker2", {**_ssh, "ssh_hostname": "192.0.2.13", "node_address": "192.0.2.13"}),
]
storage = [
    ("storage", {**_ssh, "ssh_hostname": "192.0.2.14", "node_address": "192.0.2.14"}),
]
registry = ["storage"]
