"""Helm's error on an object that is there and is not this release's, as a sentence. Pure."""

from __future__ import annotations

import re

_THERE = re.compile(
    r'(?P<kind>\w+) "(?P<name>[^"]+)" in namespace "(?P<space>[^"]*)" exists and cannot be imported'
)
_OTHER = r'"meta\.helm\.sh/release-{part}" must equal "[^"]*": current value is "([^"]+)"'


def plainly(message: str, release: str) -> str:
    """Return what an error of Helm means; as it is when it is about something else.

    Args:
        message: Helm's.
        release: the name of the one that was to be installed.
    """
    found = _THERE.search(message)
    if found is None:
        return message
    what = f"{found['kind']}/{found['name']}"
    if found["space"]:
        what += f" in namespace {found['space']}"
    name, space = (re.search(_OTHER.format(part=part), message) for part in ("name", "namespace"))
    if name is None and space is None:
        return (
            f"{what} is there already, and Helm did not make it: delete it, or mark it as this "
            "release's, see `helm install --help` on --take-ownership"
        )
    other = f"release {name[1] if name else release}"
    if space:
        other += f" in namespace {space[1]}"
    return (
        f"{what} belongs to {other}, and a release cannot move: put name and namespace back, or "
        "uninstall that one first"
    )
