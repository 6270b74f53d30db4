"""Namespaces of the calling process. Python has these calls from 3.12 on."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_NEW_MOUNTS = 0x00020000  # sched.h: CLONE_NEWNS
_BIND = 0x1000  # mount.h: MS_BIND
_NETWORK = 0x40000000  # sched.h: CLONE_NEWNET


def own_mounts() -> None:
    """Have mounts of one's own from here on.

    Raises:
        OSError: it is not allowed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "unshare")


def bind(source: Path, target: Path) -> None:
    """Have a file in place of another one; with system calls only, so also a C library.

    Raises:
        OSError: it is not allowed, or one of the two is not there.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(bytes(source), bytes(target), None, ctypes.c_ulong(_BIND), None):
        raise OSError(ctypes.get_errno(), f"bind {source} to {target}")


def enter_network(namespace: Path) -> None:
    """Be in a network namespace from here on.

    Raises:
        OSError: there is none, or it is not allowed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(namespace, os.O_RDONLY)
    try:
        if libc.setns(handle, _NETWORK):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(handle)
