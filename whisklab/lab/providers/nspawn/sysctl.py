"""Settings of the machine that many hosts need higher; put back when the last lab goes.

kubelet's own (vm.overcommit_memory, kernel.panic, ...) are not here: a host writes to copies of
them (see image_files), so the machine's never change.
"""

from __future__ import annotations

import json
from pathlib import Path

from whisklab.lab.common.process import boot_id
from whisklab.lab.providers.nspawn.layout import SYSCTLS

# All hosts share root's inotify instances, 128 by default: systemd, containerd and the parts of
# Kubernetes take about 30 a host.
_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
_PER_HOST = 64
_BASE = 128


def _read(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))


def make_room(hosts: int) -> None:
    """Raise the limits for this many hosts on the machine; remembers the first value."""
    wish = _BASE + _PER_HOST * hosts
    now = _read(_INSTANCES)
    if now >= wish:
        return
    noted = _noted()
    before = noted["before"] if noted else now
    SYSCTLS.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    note = {"boot_id": boot_id(), "before": before, "ours": wish}
    SYSCTLS.write_text(json.dumps(note), encoding="utf-8")
    _INSTANCES.write_text(str(wish), encoding="ascii")


def restore() -> None:
    """Put the limits back, unless someone has set them to something else meanwhile."""
    noted = _noted()
    if noted and _read(_INSTANCES) == noted["ours"]:
        _INSTANCES.write_text(str(noted["before"]), encoding="ascii")
    SYSCTLS.unlink(missing_ok=True)


def _noted() -> dict[str, int] | None:
    """What was noted in this boot of the machine; a reboot has put everything back."""
    try:
        note = json.loads(SYSCTLS.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return note if note.get("boot_id") == boot_id() else None
