"""What OpenSSH's programs know of a machine: how it is reached, and by which key it is known.

They are asked, and not paramiko, because they alone read all of a user's ssh_config and
known_hosts: certificate authorities, hashed names, jump hosts. Nothing that they print about a
connection counts for who a machine is: there stand words of the machine's own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from whisklab.engine.ssh.proxied import EACH_WITHIN, RSA, SILENT, Route, reason, route
from whisklab.errors import BadInput, WhisklabError
from whisklab.init.keys import CERTIFICATE, HostKey, Known, host_keys, known_lines
from whisklab.init.target import Target

WITHIN = 60.0  # seconds for a whole way
# What paramiko can check, the best first; an RSA key is named by its signatures.
KINDS = {
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
        files: with the user's and the system's known host keys.
        revoked: file with keys that must not be used, None for none.
    """

    address: str
    port: int
    user: str
    behind: str
    files: tuple[Path, ...] = ()
    revoked: Path | None = None

    @property
    def known_as(self) -> str:
        """Its name in a known_hosts file."""
        return Route(self.address, self.port).known_as


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
        done = _run("ssh", *self._file, "-G", *_destination(target))
        if done.returncode != 0:
            raise BadInput(f"{target.host}: ssh says: {_words(done.stderr)}")
        found = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
        behind = next(
            (f"{name} {found[name.lower()]}" for name in ("ProxyJump", "ProxyCommand")
             if found.get(name.lower(), "none") != "none"), "",
        )  # fmt: skip
        names = f"{found.get('userknownhostsfile', '')} {found.get('globalknownhostsfile', '')}"
        revoked = found.get("revokedhostkeys", "none")
        made = Way(
            found["hostname"], int(found["port"]), found["user"], behind,
            tuple(Path(name).expanduser() for name in names.split() if name != "none"),
            None if revoked == "none" else Path(revoked).expanduser(),
        )  # fmt: skip
        runs = route(target.host, target.port, made.user, self._config)
        if (runs.known_as, runs.way is not None) != (made.known_as, bool(behind)):
            raise BadInput(
                f"{target.host}: ssh goes to {made.known_as} by {behind or 'no jump host'}, and a "
                f"run would go to {runs.known_as} by {runs.way or 'no jump host'}, as it reads no "
                "file of the system: put what is said of this host into ~/.ssh/config, or name a "
                "file by --ssh-config"
            )
        return made

    def known(self, way: Way) -> Known:
        """Return what the user's files have of a machine. No connection is made."""
        texts = [
            _run("ssh-keygen", "-F", way.known_as, "-f", str(file)).stdout
            for file in way.files
            if file.is_file()
        ]
        return known_lines("\n".join(texts).splitlines())

    def is_revoked(self, way: Way, key: HostKey) -> bool:
        """Tell whether a key is in the ssh_config's list of those that must not be used."""
        if way.revoked is None:
            return False
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "key.pub"
            file.write_text(f"{key.kind} {key.text}\n")
            return _run("ssh-keygen", "-Q", "-f", str(way.revoked), str(file)).returncode != 0

    def shown(self, target: Target, kinds: Iterable[str] = ()) -> HostKey:
        """Return the key that a machine shows, whoever it is. Nobody is logged in.

        Args:
            target: the machine.
            kinds: of keys that are wanted rather than others.

        Raises:
            WhisklabError: it is not reached, or has none that can be used.
        """
        order = [*(kind for kind in kinds if kind in KINDS), *KINDS]
        algorithms = ",".join(dict.fromkeys(",".join(KINDS[kind] for kind in order).split(",")))
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "known_hosts"
            said = self._asked(
                target,
                *("-o", "StrictHostKeyChecking=accept-new", "-o", f"UserKnownHostsFile={file}"),
                *("-o", "HashKnownHosts=no", "-o", f"HostKeyAlgorithms={algorithms}"),
            )
            keys = list(host_keys(_lines(file)).values())
        if not keys:
            raise WhisklabError(f"{target.host} is not reached by ssh: {_words(said)}")
        return keys[0]

    def certificate(self, target: Target, kind: str) -> HostKey | None:
        """Return the certificate that a machine shows for its key of a kind, None without any.

        (By ssh's KnownHostsCommand, which is told what it is asked about; since OpenSSH 8.5.)
        """
        algorithms = ",".join(f"{each}{CERTIFICATE}" for each in KINDS[kind].split(","))
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "shown"
            self._asked(
                target,
                *("-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=/dev/null"),
                *("-o", f"HostKeyAlgorithms={algorithms}"),
                *("-o", f'KnownHostsCommand=/bin/sh -c "echo scanned %t %K >> {file}"'),
            )
            lines = [line for line in _lines(file) if CERTIFICATE in line]
        return next(iter(host_keys(lines).values()), None)

    def _asked(self, target: Target, *options: str) -> str:
        return _run(
            "ssh", *self._file, "-o", "BatchMode=yes", "-o", "PreferredAuthentications=none",
            "-o", "GlobalKnownHostsFile=/dev/null", "-o", "HostKeyAlias=scanned",
            "-o", "ControlPath=none", "-o", "UpdateHostKeys=no", "-o", "ClearAllForwardings=yes",
            "-o", f"ConnectTimeout={EACH_WITHIN}", *options, *_destination(target), "true",
        ).stderr  # fmt: skip


def _lines(file: Path) -> Sequence[str]:
    return file.read_text().splitlines() if file.exists() else ()


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    # Into files: a jump host's connection that is shared may outlive this one, and holds them.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env={**os.environ, **SILENT}, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise BadInput(
                f"this machine has no {argv[0]}: install OpenSSH's client (Debian: openssh-client)"
            ) from error
        late = ""
        try:
            process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            late = f"\nno answer in {WITHIN:.0f} s, timed out\n"
        texts = [_text(out), _text(err) + late]
    return subprocess.CompletedProcess(argv, process.returncode, *texts)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _destination(target: Target) -> tuple[str, ...]:
    user = ("-l", target.user) if target.user else ()
    port = ("-p", str(target.port)) if target.port else ()
    return (*user, *port, "--", target.host)


def _words(said: str) -> str:
    lines = [line.strip().removeprefix("ssh: ") for line in said.splitlines() if line.strip()]
    return reason(lines) or (lines[-1].rstrip(".") if lines else "no word")
