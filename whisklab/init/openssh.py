"""What OpenSSH's client knows of a machine: how it is reached, and by which key it is known.

It is asked, and not paramiko, because it alone reads all of a user's ssh_config and known_hosts:
certificate authorities, hashed names, jump hosts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from whisklab.engine.proxied import EACH_WITHIN, RSA, SILENT, Route, reason, route
from whisklab.errors import BadInput, WhisklabError
from whisklab.init.target import Target

WITHIN = 60.0  # seconds for a whole way
_DEBUG = re.compile(r"debug\d: ")
_SHOWN = re.compile(r"debug1: Server host (?:key|certificate): (?P<kind>\S+) (?P<print>SHA256:\S+)")
_CERTIFICATE = "-cert-v01@openssh.com"
# How a login ends that has tried nothing, with a host that ssh has verified; and how one that it
# has not, which is never without one of these lines. What a host sends, be it the name in its
# certificate or its farewell, may look like the first.
_VERIFIED = re.compile(r"\S+: Permission denied \([a-z0-9,@.-]*\)\.")
_UNVERIFIED = re.compile(
    "Host key verification failed|Received disconnect from|Disconnected from"
    "|Connection (?:closed|reset)|ssh_dispatch_run_fatal|kex_exchange"
)
_CHANGED, _REVOKED = "REMOTE HOST IDENTIFICATION HAS CHANGED", re.compile("revoked", re.IGNORECASE)
# What paramiko can check; an RSA key is named by its signatures.
_KINDS = {
    "ssh-ed25519": "ssh-ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384": "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521": "ecdsa-sha2-nistp521",
    RSA: "rsa-sha2-512,rsa-sha2-256",
}


@dataclass(frozen=True)
class Way:
    """How ssh goes to a machine.

    Attributes:
        address: to which it connects, after the ssh_config's HostName.
        port: of its sshd.
        user: who logs in.
        behind: what leads there, such as "ProxyJump a,b"; empty for a direct way.
    """

    address: str
    port: int
    user: str
    behind: str

    @property
    def known_as(self) -> str:
        """Its name in a known_hosts file."""
        return Route(self.address, self.port).known_as


@dataclass(frozen=True)
class HostKey:
    """A host's public key: its kind and its bytes in base64, as in known_hosts."""

    kind: str
    text: str

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen shows it: SHA256:..."""
        digest = hashlib.sha256(base64.b64decode(self.text)).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


@dataclass(frozen=True)
class Shown:
    """What a machine showed when it was asked for nothing else.

    Attributes:
        kind: of its key.
        fingerprint: of the key; a certificate has that of the key in it.
        certified: whether it was a certificate.
        known: whether the user's known_hosts have it, or who signed it.
        changed: whether they have another one for this machine.
        revoked: whether they say that it must not be used any more.
    """

    kind: str
    fingerprint: str
    certified: bool
    known: bool
    changed: bool
    revoked: bool


class OpenSSH:
    """The ssh of this machine, with one ssh_config.

    Args:
        config: its file, None for the user's and the system's.
    """

    def __init__(self, config: Path | None) -> None:
        self._config = str(config) if config else None
        self._file = ("-F", self._config) if self._config else ()

    def way(self, target: Target) -> Way:
        """Return how a machine is reached. No connection is made.

        Raises:
            BadInput: the ssh_config cannot be read, or a run would go another way.
        """
        done = self._run("-G", *_destination(target))
        if done.returncode != 0:
            raise BadInput(f"{target.host}: ssh says: {_words(done.stderr)}")
        found = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
        way = next(
            (f"{name} {found[name.lower()]}" for name in ("ProxyJump", "ProxyCommand")
             if found.get(name.lower(), "none") != "none"), "",
        )  # fmt: skip
        made = Way(found["hostname"], int(found["port"]), found["user"], way)
        runs = route(target.host, target.port, made.user, self._config)
        if (runs.known_as, runs.way is not None) != (made.known_as, bool(way)):
            raise BadInput(
                f"{target.host}: ssh goes to {made.known_as} by {way or 'no jump host'}, and a run "
                f"would go to {runs.known_as} by {runs.way or 'no jump host'}, as it reads no file "
                "of the system: put what is said of this host into ~/.ssh/config, or name a file "
                "by --ssh-config"
            )
        return made

    def host_key(self, target: Target) -> tuple[HostKey, Shown]:
        """Return the key that a machine shows, and what the user's files say of it.

        Nobody is logged in: the machine is asked for its key, twice.

        Raises:
            WhisklabError: it is not reached, shows two different keys, or one of an unknown kind.
        """
        said = self._asked(target, "-v", "-o", "StrictHostKeyChecking=yes")
        found = shown(said)
        if found is None:
            raise WhisklabError(f"{target.host} is not reached by ssh: {_words(said)}")
        if found.kind not in _KINDS:
            raise WhisklabError(
                f"{target.host} shows a host key of the kind {found.kind}, expected one of "
                f"{', '.join(_KINDS)}: `ssh-keygen -A` there makes them"
            )
        key = self.scanned(target, found.kind)
        if key.fingerprint != found.fingerprint:
            raise WhisklabError(
                f"{target.host} shows the host key {key.fingerprint} after {found.fingerprint}: "
                "two machines answer at its address, or somebody is between"
            )
        return key, found

    def scanned(self, target: Target, kind: str) -> HostKey:
        """Return the key of a kind that a machine shows now, whatever is known of it.

        Raises:
            WhisklabError: it is not reached, or has none of that kind.
        """
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "known_hosts"
            said = self._asked(
                target,
                *("-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={file}"),
                *("-o", "GlobalKnownHostsFile=/dev/null", "-o", "HashKnownHosts=no"),
                *(
                    "-o",
                    "HostKeyAlias=scanned",
                    "-o",
                    f"HostKeyAlgorithms={_KINDS.get(kind, kind)}",
                ),
            )
            text = file.read_text() if file.exists() else ""
        keys = list(host_keys(text.splitlines()).values())
        if not keys:
            raise WhisklabError(f"{target.host} is not reached by ssh: {_words(said)}")
        return keys[0]

    def _asked(self, target: Target, *options: str) -> str:
        return self._run(
            *("-o", "BatchMode=yes", "-o", "PreferredAuthentications=none"),
            *("-o", "ControlPath=none", "-o", "UpdateHostKeys=no", "-o", "FingerprintHash=sha256"),
            *("-o", f"ConnectTimeout={EACH_WITHIN}", "-o", "ClearAllForwardings=yes"),
            *options, *_destination(target), "true",
        ).stderr  # fmt: skip

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Into files: a jump host's connection that is shared may outlive this one, and holds them.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    ["ssh", *self._file, *arguments], stdin=subprocess.DEVNULL, stdout=out,
                    stderr=err, env={**os.environ, **SILENT}, start_new_session=True,
                )  # fmt: skip
            except FileNotFoundError as error:
                raise BadInput(
                    "this machine has no ssh: install OpenSSH's client (Debian: openssh-client)"
                ) from error
            late = ""
            try:
                process.wait(WITHIN)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                late = f"\nno answer in {WITHIN:.0f} s, timed out\n"
            texts = [_text(out), _text(err) + late]
        return subprocess.CompletedProcess(arguments, process.returncode, *texts)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _destination(target: Target) -> tuple[str, ...]:
    user = ("-l", target.user) if target.user else ()
    port = ("-p", str(target.port)) if target.port else ()
    return (*user, *port, "--", target.host)


def _words(said: str) -> str:
    lines = [line.removeprefix("ssh: ") for line in said.splitlines() if not _DEBUG.match(line)]
    return reason(lines) or "no word"


def shown(said: str) -> Shown | None:
    """Return what `ssh -v` tells of the last host on its way, None when it was not reached. Pure.

    (Each ssh of a jump host is over with its own keys before the next one is asked for its.)
    """
    lines = [line.rstrip() for line in said.splitlines()]
    found = [match for line in lines if (match := _SHOWN.match(line))]
    if not found:
        return None
    match = found[-1]
    return Shown(
        kind=match["kind"].removesuffix(_CERTIFICATE),
        fingerprint=match["print"].rstrip(","),
        certified=match["kind"].endswith(_CERTIFICATE),
        known=any(_VERIFIED.fullmatch(line) for line in lines)
        and not any(_UNVERIFIED.match(line) for line in lines),
        changed=any(_CHANGED in line for line in lines),
        revoked=any(_REVOKED.search(line) for line in lines if not _DEBUG.match(line)),
    )


def host_keys(lines: Iterable[str]) -> dict[str, HostKey]:
    """Return the keys of a known_hosts file of ours, by name. Pure.

    Raises:
        BadInput: it has a line of another form.
    """
    found: dict[str, HostKey] = {}
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        words: Sequence[str] = line.split()
        try:
            name, kind, text = words[:3]
            base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            raise BadInput(f"no line of a known_hosts file: {line}") from None
        found.setdefault(name, HostKey(kind, text))
    return found
