"""KVM beside VirtualBox: from Linux 6.12 on its module takes the processor as soon as it is loaded.

VirtualBox/virtualbox issues 141, 188 and 711; Linux's parameter kvm.enable_virt_at_load.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

REMEDY = (
    "end the machines of libvirt or Multipass and unload kvm_intel or kvm_amd (VirtualBox from "
    "7.2.10 on is said to share it), or take `hypervisor: libvirt`"
)
_MODULES, _AT_LOAD = Path("/proc/modules"), Path("/sys/module/kvm/parameters/enable_virt_at_load")
_SINCE = (6, 12)
_HOLDS = ("kvm_intel", "kvm_amd")


def remark() -> str:
    """Return what is to be said of this computer, "" for nothing."""
    return judged(_read(_MODULES), os.uname().release, _read(_AT_LOAD))


def judged(modules: str, release: str, at_load: str) -> str:
    """Return the sentence for a module that is in VirtualBox's way, "" for none. Pure.

    Args:
        modules: the text of /proc/modules.
        release: of the kernel.
        at_load: the parameter: N where KVM takes the processor only for its own machines.
    """
    version = tuple(map(int, re.findall(r"\d+", release)[:2]))
    loaded = {line.split(maxsplit=1)[0] for line in modules.splitlines() if line.strip()}
    found = next((each for each in _HOLDS if each in loaded), "")
    if not found or version < _SINCE or at_load.strip() in {"N", "0"}:
        return ""
    return (
        f"{found} is loaded, and from Linux 6.12 on (this is {release}) it may hold what "
        f"VirtualBox needs of the processor: if a machine does not start, {REMEDY}"
    )


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
