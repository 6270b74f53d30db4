"""Machines that have shown their host keys: which are known, which a person must compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gevent.pool import Pool

from whisklab.errors import BadInput, WhisklabError
from whisklab.init.openssh import HostKey, OpenSSH, Shown, Way
from whisklab.init.target import Target

AT_ONCE = 8  # machines
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Reached:
    """A machine that has shown its host key.

    Attributes:
        given: as the user gave it.
        target: what that means.
        way: how ssh goes there.
        key: that it showed.
        shown: what the user's own files say of the key.
    """

    given: str
    target: Target
    way: Way
    key: HostKey
    shown: Shown

    @property
    def title(self) -> str:
        """How it is called before its name is known."""
        return self.target.name or self.given

    def data(self, common: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the connector must know of it, as an inventory has it.

        Args:
            common: what all machines have, and need not be repeated.
        """
        port = {"ssh_port": self.way.port} if self.way.port != 22 else {}  # noqa: PLR2004
        own = {"ssh_hostname": self.target.host, **port, "ssh_user": self.way.user}
        return {key: value for key, value in own.items() if common.get(key) != value}


def together(work: Callable[[T], R], over: Sequence[T]) -> list[R]:
    """Do the same for several machines, side by side; return the results in order.

    Raises:
        WhisklabError: all that went wrong, a line for each machine.
    """

    def tried(each: T) -> R | WhisklabError:
        try:
            return work(each)
        except WhisklabError as error:
            return error

    results: list[R] = []
    errors: list[WhisklabError] = []
    for result in Pool(AT_ONCE).map(tried, over):
        if isinstance(result, WhisklabError):
            errors.append(result)
        else:
            results.append(result)
    if errors:
        bad = all(isinstance(error, BadInput) for error in errors)
        raise (BadInput if bad else WhisklabError)("\n".join(map(str, errors)))
    return results


def reach(ssh: OpenSSH, given: str, target: Target) -> Reached:
    """Ask a machine for its host key.

    Raises:
        WhisklabError: it is not reached, or shows another key than the user's files have.
    """
    way = ssh.way(target)
    key, shown = ssh.host_key(target)
    if shown.changed:
        raise WhisklabError(
            f"{given} shows another host key ({key.fingerprint}) than your known_hosts have: find "
            f"out why before you trust it; `ssh-keygen -R '{way.known_as}'` forgets the old one"
        )
    return Reached(given, target, way, key, shown)


def distinct(machines: Iterable[Reached]) -> None:
    """See that each machine is another one.

    Raises:
        BadInput: two show the same host key.
    """
    count = Counter(each.key for each in machines)
    for key, times in count.items():
        if times > 1:
            same = " and ".join(each.given for each in machines if each.key == key)
            raise BadInput(
                f"{same} show the same host key: they are one machine, or copies that kept their "
                "keys; give copies keys of their own (`rm /etc/ssh/ssh_host_*; ssh-keygen -A`, "
                "then restart sshd)"
            )


def trust(machine: Reached, known: Mapping[str, HostKey], file: Path) -> str:
    """Return who says that a machine's key is its own; empty when nobody does.

    Args:
        machine: that showed it.
        known: what an earlier init has confirmed.
        file: where that stands.

    Raises:
        WhisklabError: it was another one then.
    """
    before = known.get(machine.way.known_as)
    if before == machine.key:
        return str(file)
    if before is not None and before.kind == machine.key.kind:
        raise WhisklabError(
            f"{machine.given} shows another host key ({machine.key.fingerprint}) than {file} has: "
            "find out why before you trust it, then remove its line there"
        )
    if not machine.shown.known:
        return ""
    return "a certificate that you trust" if machine.shown.certified else "your known_hosts"


def check_fingerprints(machines: Iterable[Reached], given: Iterable[str]) -> None:
    """See that each fingerprint that was given is one of a machine. Pure.

    Raises:
        BadInput: one is not.
    """
    shown = {each.key.fingerprint: each.given for each in machines}
    for each in given:
        if each not in shown:
            found = ", ".join(f"{name} {print_}" for print_, name in shown.items())
            raise BadInput(f"--fingerprint {each}: no machine shows it, they show {found}")
