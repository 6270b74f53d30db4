"""What a command of Multipass's has failed with, as a sentence with object, cause and remedy.

Texts are those of its sources and of reports; others are passed on as they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whisklab.errors import WhisklabError

UNREACHED = "cannot connect to the multipass socket"
LOST = "Socket closed"  # the daemon ended meanwhile: nobody knows whether it did what it was asked
NO_SERVER = "is unknown or unreachable"
SNAPSHOTS_SINCE = "1.13"
NO_SNAPSHOTS_OF_DRIVER = (
    "Multipass's driver takes no snapshots (`multipass get local.driver`): those that do are qemu, "
    "hyperv and virtualbox (`multipass set local.driver=qemu`, and the lab anew)"
)
_TOO_FULL = re.compile(r"Available disk \((\d+) bytes\) below minimum for this image \((\d+)")
_TOO_SMALL = re.compile(r"Requested disk \(\d+ bytes\) below minimum for this image \((\d+)")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
_MIB, _GIB = 1024**2, 1024**3


class Failed(WhisklabError):
    """A command of Multipass's has failed; `said` is what it printed."""

    def __init__(self, sentence: str, said: str = "") -> None:
        super().__init__(sentence)
        self.said = said


class SlowStart(Failed):
    """A launch or start did not wait to the end; the instance goes on."""


class Taken(Failed):
    """There is an instance of that name, be it deleted."""


@dataclass(frozen=True)
class Command:
    """What was asked: its arguments, and what it printed."""

    arguments: tuple[str, ...]
    said: str

    @property
    def verb(self) -> str:
        """Its first argument."""
        return self.arguments[0]

    @property
    def about(self) -> str:
        """The instance that it is about, or else the command."""
        if self.verb == "launch":
            return self.arguments[self.arguments.index("--name") + 1]
        names = [each for each in self.arguments[1:] if not each.startswith("-")]
        alone = self.verb in {"list", "get", "set"} or not names
        return f"multipass {self.verb}" if alone else names[0]


def failure(arguments: Sequence[str], said: str) -> Failed:
    """Return what a failed command is told as.

    Args:
        arguments: of the command.
        said: what it printed.
    """
    command = Command(tuple(arguments), said)
    for words, verbs, kind, tell in _KNOWN:
        if words in said and (not verbs or command.verb in verbs):
            return kind(f"{command.about}: {tell(command)}", said)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    useful = [line for line in lines if not line.endswith("The following errors occurred:")]
    return Failed(f"{command.about}: Multipass says: {' '.join(useful) or 'nothing'}", said)


def _always(sentence: str) -> Callable[[Command], str]:
    return lambda _command: sentence


def _unreached(command: Command) -> str:
    proxies = [name for name in _PROXIES if os.environ.get(name)]
    own = f" ({proxies[0]} of this shell is not the daemon's)" if proxies else ""
    return (
        f"Multipass's daemon reaches no server of images: it needs a network, or its own proxy"
        f"{own}; or {command.arguments[1]!r} names no image, see `multipass find`"
    )


def _no_image(command: Command) -> str:
    return (
        f"Multipass has no image {command.arguments[1]!r}: `multipass find` lists them, and "
        "`image:` of the topology names one"
    )


def _too_full(command: Command) -> str:
    found, sizes = _TOO_FULL.search(command.said), ""
    if found:
        free, least = (int(each) // _MIB for each in found.groups())
        sizes = f": {free} MB are free, and the image needs {least} MB"
    return (
        f"the disk where Multipass keeps its instances is full{sizes}: make room "
        "there (`multipass list` shows what it keeps)"
    )


def _too_small(command: Command) -> str:
    found = _TOO_SMALL.search(command.said)
    least = f"{-(-int(found[1]) // _GIB)}G" if found else "5G"
    return f"its disk is too small for its image: give it `disk: {least}` or more"


_AWAY = _always(
    "Multipass's daemon does not answer: look at it (`snap services multipass`, `multipass "
    "version`) and run this again, it continues"
)
# Versions before say so of the option with which snapshots are listed, before anything is stopped.
_NO_SNAPSHOTS = _always(
    f"this Multipass has no snapshots: from {SNAPSHOTS_SINCE} on it has them (`multipass version` "
    "tells which it is; `snap refresh multipass`)"
)
# What is in the words, of which verbs (all, where none is named), what it is, how it is told.
_KNOWN: tuple[tuple[str, frozenset[str], type[Failed], Callable[[Command], str]], ...] = (
    ("timed out", frozenset({"launch", "start"}), SlowStart,
     _always("Multipass did not wait for it to the end")),
    ("already exists", frozenset({"launch"}), Taken, _always("there is an instance of this name")),
    ("is being prepared", frozenset({"launch"}), Taken, _always("Multipass is preparing it")),
    ("is being prepared", frozenset(), Failed,
     _always("Multipass is preparing it: wait until `multipass list` shows it, and try again")),
    ("multipass socket access denied", frozenset(), Failed, _always(
        "Multipass refuses this user its socket: join the group that may use it (the socket's, "
        "mostly sudo or admin), or run `multipass authenticate`")),
    ("Unknown option 'snapshots'", frozenset(), Failed, _NO_SNAPSHOTS),
    ("napshots feature is not implemented", frozenset(), Failed,  # S in 1.13
     _always(NO_SNAPSHOTS_OF_DRIVER)),
    (UNREACHED, frozenset(), Failed, _AWAY),
    (LOST, frozenset(), Failed, _AWAY),
    (NO_SERVER, frozenset(), Failed, _unreached),
    ("Unable to find an image matching", frozenset(), Failed, _no_image),
    ("Available disk (", frozenset(), Failed, _too_full),
    ("Requested disk (", frozenset(), Failed, _too_small),
    ("Disk can only be expanded", frozenset(), Failed,
     _always("a disk can only grow: `whisklab rebuild` makes the machine anew, smaller")),
)  # fmt: skip
