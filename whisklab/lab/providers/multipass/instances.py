"""What Multipass tells of its instances, from its JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address
from typing import Any

from whisklab.errors import WhisklabError


class State(StrEnum):
    """The state of an instance (upstream: format_utils.cpp)."""

    RUNNING = "Running"
    STOPPED = "Stopped"
    DELETED = "Deleted"
    STARTING = "Starting"
    RESTARTING = "Restarting"
    DELAYED = "Delayed Shutdown"
    SUSPENDING = "Suspending"
    SUSPENDED = "Suspended"
    UNKNOWN = "Unknown"
    UNAVAILABLE = "Unavailable"


@dataclass(frozen=True)
class Instance:
    """An instance: its name, its state, and the addresses that it says it has."""

    name: str
    state: State
    addresses: tuple[IPv4Address, ...] = ()


def parse_list(text: str) -> dict[str, Instance]:
    """Read `multipass list --format json`.

    Raises:
        WhisklabError: it is not that.
    """
    try:
        listed = json.loads(text)["list"]
        return {each["name"]: _instance(each) for each in listed}
    except (ValueError, KeyError, TypeError) as error:
        raise WhisklabError(f"`multipass list` printed what is no list ({error!r})") from None


def _instance(data: Mapping[str, Any]) -> Instance:
    known = {str(each).lower(): each for each in State}
    state = known.get(str(data["state"]).lower(), State.UNKNOWN)
    return Instance(str(data["name"]), state, addresses(data.get("ipv4") or ()))


def addresses(texts: Any) -> tuple[IPv4Address, ...]:  # noqa: ANN401  of a foreign program
    """Return what is an address of a list that may also have "", "--" or "N/A"."""
    found = []
    for text in texts:
        try:
            found.append(IPv4Address(text))
        except ValueError:
            continue
    return tuple(found)


def parse_snapshots(text: str) -> dict[str, frozenset[str]]:
    """Read `multipass list --snapshots --format json`: the names of snapshots, by instance.

    Raises:
        WhisklabError: it is not that.
    """
    try:
        return {name: frozenset(each) for name, each in json.loads(text)["info"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WhisklabError(
            f"`multipass list --snapshots` printed what is no list ({error!r})"
        ) from None
