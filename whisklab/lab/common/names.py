"""What names may look like. They become paths, so both sides of the lab check them."""

from __future__ import annotations

import re

LAB_NAME = re.compile(r"[a-z][a-z0-9-]{0,20}")
# RFC 1123 label; 32: names derived from it (lab and host) stay below 64 characters.
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
SNAPSHOT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,39}")
USER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")


def is_lab_name(name: str) -> bool:
    """Whether `name` can name a lab: a lower-case letter, then letters, digits, hyphens."""
    return LAB_NAME.fullmatch(name) is not None


def is_host_name(name: str) -> bool:
    """Whether `name` can name a host: a DNS label of at most 32 characters."""
    return HOST_NAME.fullmatch(name) is not None


def is_user_name(name: str) -> bool:
    """Whether `name` can name the user of the hosts; root cannot log in, so it is not one."""
    return USER_NAME.fullmatch(name) is not None and name != "root"


def is_snapshot_name(name: str) -> bool:
    """Whether `name` can name a snapshot: letters, digits, dots, hyphens; at most 40."""
    return SNAPSHOT_NAME.fullmatch(name) is not None
