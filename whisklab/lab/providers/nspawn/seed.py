"""What makes a host of an image: files written over it before its first boot."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from whisklab.errors import BadInput
from whisklab.lab.common.machine import Machine
from whisklab.lab.providers.nspawn.layout import HostPaths
from whisklab.lab.providers.nspawn.network import UPLINK_DNS
from whisklab.lab.providers.nspawn.spec import LabSpec

USER_ID = 1000
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"


def identity(paths: HostPaths, image: Path, lab: LabSpec) -> None:
    """Write what makes a host itself for all its life; its `refresh` comes after."""
    upper = paths.upper
    upper.mkdir(mode=0o755)
    (upper / "etc").mkdir(mode=0o755)
    (upper / "etc/ssh").mkdir(mode=0o755)
    _write(upper / "etc/machine-id", uuid.uuid4().hex + "\n", 0o444)
    _write(upper / "etc/hosts", hosts_file(lab), 0o644)  # later it belongs to who works there
    _add_user(upper, image, lab)


def refresh(paths: HostPaths, lab: LabSpec, host: Machine) -> None:
    """Write what may differ from one boot to the next: names, resolver, the key of the host."""
    upper = paths.upper
    _write(upper / "etc/hostname", f"{host.name}\n", 0o644)
    _write(upper / "etc/resolv.conf", f"nameserver {UPLINK_DNS}\n" if lab.internet else "", 0o644)
    _write(upper / HOST_KEY, lab.host_keys[host.name], 0o600)


def put_program(paths: HostPaths, where: str, program: Path) -> None:
    """Put a program of this machine into a stopped host."""
    place = paths.upper / where
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    _replace(place, program.read_bytes(), 0o755)


def hosts_file(lab: LabSpec) -> str:
    """/etc/hosts of every host: itself and its neighbours, as no resolver knows them."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    return "\n".join([*lines, *(f"{host.address} {host.name}" for host in lab.hosts)]) + "\n"


def _add_user(upper: Path, image: Path, lab: LabSpec) -> None:
    """Add the lab's user: no password, the lab's key, sudo without asking."""
    accounts = {
        "passwd": (f"{lab.user}:x:{USER_ID}:{USER_ID}::/home/{lab.user}:/bin/bash", 0o644),
        "group": (f"{lab.user}:x:{USER_ID}:", 0o644),
        "shadow": (f"{lab.user}:*:20000:0:99999:7:::", 0o640),
        "gshadow": (f"{lab.user}:*::", 0o640),
    }
    for name, (line, mode) in accounts.items():
        source = image / "etc" / name
        text = source.read_text(encoding="utf-8")
        if any(entry.startswith(f"{lab.user}:") for entry in text.splitlines()):
            raise BadInput(f"user: {lab.user!r} is a system user of the hosts; take another name")
        _write(upper / "etc" / name, f"{text.rstrip()}\n{line}\n", mode, group=source.stat().st_gid)
    sudoers = upper / "etc/sudoers.d"
    sudoers.mkdir(mode=0o755)
    _write(sudoers / "whisklab", f"{lab.user} ALL=(ALL:ALL) NOPASSWD: ALL\n", 0o440)
    home = upper / "home" / lab.user
    (upper / "home").mkdir(mode=0o755)
    home.mkdir(mode=0o700)
    (home / ".ssh").mkdir(mode=0o700)
    _write(home / ".ssh/authorized_keys", lab.authorized_key + "\n", 0o600)
    for path in (home, home / ".ssh", home / ".ssh/authorized_keys"):
        os.chown(path, USER_ID, USER_ID)


def _write(path: Path, text: str, mode: int, *, group: int = 0) -> None:
    _replace(path, text.encode(), mode, group=group)


def _replace(path: Path, content: bytes, mode: int, *, group: int = 0) -> None:
    """Replace a file of a stopped host, never through a link that the host has put there."""
    beside = path.with_name(path.name + ".whisklab")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        os.fchown(file.fileno(), 0, group)
        file.write(content)
    beside.replace(path)
