"""Kernel modules of the machine that the hosts need and cannot load themselves.

A host has no /lib/modules of the machine's kernel. What was loaded here is unloaded when the last
lab goes, unless somebody else uses it by then.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from whisklab.lab.common.process import boot_id
from whisklab.lab.common.run import Report, environment
from whisklab.lab.providers.nspawn.layout import MODULES

NFS_SERVER, NFS_CLIENT = "nfsd", "nfs"
_FILESYSTEMS = Path("/proc/filesystems")
_BRIDGE = Path("/proc/sys/net/bridge")


def missing() -> list[str]:
    """Those that this kernel has neither loaded nor built in."""
    known = _FILESYSTEMS.read_text(encoding="ascii").split()
    there = {name: name in known for name in ("overlay", NFS_SERVER, NFS_CLIENT)}
    there["br_netfilter"] = _BRIDGE.is_dir()
    return [name for name, found in there.items() if not found]


def has_filesystem(name: str) -> bool:
    """Whether the kernel knows this file system, or has a module for it."""
    if name in _FILESYSTEMS.read_text(encoding="ascii").split():
        return True
    return _modprobe("--dry-run", name)


def load(report: Report) -> None:
    """Load what is missing; remembers it first. What the kernel does not have, preflight tells."""
    wanted = missing()
    if not wanted:
        return
    MODULES.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    note = {"boot_id": boot_id(), "loaded": sorted({*_noted(), *wanted})}
    MODULES.write_text(json.dumps(note), encoding="utf-8")
    for name in wanted:
        if _modprobe(name):
            report(f"loaded the kernel module {name}")


def unload() -> None:
    """Unload what `load` has loaded in this boot of the machine."""
    for name in _noted():
        _modprobe("-r", name)
    MODULES.unlink(missing_ok=True)


def _modprobe(*arguments: str) -> bool:
    argv = ["modprobe", "-q", *arguments]
    try:
        return subprocess.run(argv, env=environment(), check=False).returncode == 0
    except FileNotFoundError:
        return False  # a kernel without modules needs no modprobe


def _noted() -> list[str]:
    try:
        note = json.loads(MODULES.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    return list(note["loaded"]) if note.get("boot_id") == boot_id() else []
