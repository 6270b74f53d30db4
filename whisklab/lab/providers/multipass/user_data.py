"""What cloud-init is given for an instance. Pure.

Multipass reads the YAML and writes it anew before cloud-init sees it: no header but the first line,
no number with a leading zero, nothing that YAML 1.1 and 1.2 read differently.
"""

from __future__ import annotations

import yaml

from whisklab.lab.common.guest.told import MARKER, marker
from whisklab.lab.common.machine import Machine
from whisklab.lab.provider import Wish


def user_data(wish: Wish, machine: Machine, token: str) -> str:
    """Return the data by which an instance becomes a machine of a lab.

    The image's own user stays, as Multipass logs in by it. The host key is ours, so that it is
    known beforehand, and stays when cloud-init takes a copy of the disk for a new machine.

    Args:
        wish: the lab.
        machine: of it.
        token: of the lab; with it the machine tells whose it is.
    """
    user = {
        "name": wish.user,
        "shell": "/bin/bash",
        "lock_passwd": True,
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "ssh_authorized_keys": [wish.authorized_key.strip()],
    }
    data = {
        "hostname": machine.name,
        # Multipass's own (vendor) data say true, which ours override: /etc/hosts would be written
        # anew at each boot, without the names of the cluster's machines.
        "manage_etc_hosts": False,
        "users": ["default", user],
        "ssh_keys": {"ed25519_private": wish.host_keys[machine.name]},
        "write_files": [{"path": MARKER, "content": marker(token, machine.name)}],
    }
    return "#cloud-config\n" + yaml.safe_dump(data, sort_keys=False)
