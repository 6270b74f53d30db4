"""Machines that have shown their host keys: which are known, which a person must compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gevent.pool import Pool
from paramiko.config import SSH_PORT

from whisklab.engine.tls import certificates
from whisklab.errors import BadInput, WhisklabError
from whisklab.init.keys import HostKey, Known, certified
from whisklab.init.openssh import OpenSSH, Way
from whisklab.init.target import Target


@dataclass(frozen=True)
class Kept:
    """The host keys of an environment: its file, and what is in it, by name."""

    file: Path
    keys: Mapping[str, HostKey]


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
        trusted: who says that the key is its own; empty when nobody does.
    """

    given: str
    target: Target
    way: Way
    key: HostKey
    trusted: str

    def data(self, common: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the connector must know of it, as an inventory has it.

        Args:
            common: what all machines have, and need not be repeated.
        """
        said = self.target.port is not None or self.way.port != SSH_PORT
        port = {"ssh_port": self.way.port} if said else {}
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


def reach(ssh: OpenSSH, given: str, target: Target, kept: Kept) -> Reached:
    """Ask a machine for its host key, and see that it is the one that was there before.

    Args:
        ssh: that asks.
        given: the machine, as the user gave it.
        target: what that means.
        kept: what an earlier init has confirmed.

    Raises:
        WhisklabError: it is not reached, or shows another key than before.
    """
    way = ssh.way(target)
    before = kept.keys.get(way.known_as)
    if before is not None:
        key = ssh.shown(target, [before.kind])
        if key != before:
            raise WhisklabError(
                f"{given} shows another host key ({key.fingerprint}) than {kept.file} has: find "
                "out why before you trust it, then remove its line there"
            )
        return Reached(given, target, way, key, str(kept.file))
    known = ssh.known(way)
    key = ssh.shown(target, sorted(each.kind for each in known.keys))
    if key in known.revoked or ssh.is_revoked(way, key):
        raise WhisklabError(
            f"{given} shows the host key {key.fingerprint}, which your known_hosts call revoked: "
            "give the machine another one"
        )
    if key in known.keys:
        return Reached(given, target, way, key, "your known_hosts")
    if known.keys:
        raise WhisklabError(
            f"{given} shows another host key ({key.fingerprint}) than your known_hosts have: find "
            f"out why before you trust it; `ssh-keygen -R '{way.known_as}'` forgets the old one"
        )
    signed = _signed(ssh, target, way, key, known)
    return Reached(given, target, way, key, "a certificate that you trust" if signed else "")


def _signed(ssh: OpenSSH, target: Target, way: Way, key: HostKey, known: Known) -> bool:
    """Tell whether the machine has a certificate for just this key, of an authority of the user."""
    shown = ssh.certificate(target, key.kind) if known.authorities else None
    found = certified(shown, way.address, certificates.now()) if shown else None
    return (
        found is not None
        and found[0] == key
        and found[1] in known.authorities
        and found[1] not in known.revoked
    )


def distinct(machines: Sequence[Reached]) -> None:
    """See that each machine is another one.

    Raises:
        BadInput: two show the same host key, or would be known by the same name.
    """
    _once(
        machines, [each.key for each in machines],
        "show the same host key: they are one machine, or copies that kept their keys; give copies "
        "keys of their own (`rm /etc/ssh/ssh_host_*; ssh-keygen -A`, then restart sshd)",
    )  # fmt: skip
    _once(
        machines, [each.way.known_as for each in machines],
        "have the same address, behind different jump hosts, by which their keys cannot be told "
        "apart: have one of them listen on another port",
    )  # fmt: skip


def _once(machines: Sequence[Reached], values: Sequence[object], otherwise: str) -> None:
    for value, times in Counter(values).items():
        if times > 1:
            same = [
                each.given for each, other in zip(machines, values, strict=True) if other == value
            ]
            raise BadInput(f"{' and '.join(same)} {otherwise}")


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
