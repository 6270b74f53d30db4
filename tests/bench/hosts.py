"""The hosts of a lab that is up, and a shell on them by OpenSSH, apart from what is measured."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from whisklab.lab.inventory import groups

WITHIN = 120  # seconds
T = TypeVar("T")


@dataclass(frozen=True)
class Host:
    """A host as an inventory has it.

    Attributes:
        name: of it.
        address: where ssh goes.
        port: there.
        user: may use sudo.
        key: the path of the private key.
        known_hosts: the path of the file with its host key.
    """

    name: str
    address: str
    port: int
    user: str
    key: str
    known_hosts: str

    def options(self) -> list[str]:
        """Return what ssh must be told: strict host keys, our key only, none of its own files."""
        options = ("IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=yes",
                   f"UserKnownHostsFile={self.known_hosts}", "GlobalKnownHostsFile=/dev/null",
                   "LogLevel=ERROR")  # fmt: skip
        return ["-F", "/dev/null", *(word for each in options for word in ("-o", each))]

    def root(self, text: str, *, check: bool = True) -> str:
        """Run a shell script on it as root, which it reads from stdin; return what it printed.

        Raises:
            RuntimeError: it failed; unless not to `check`.
        """
        argv = ["ssh", *self.options(), "-i", self.key, "-p", str(self.port),
                f"{self.user}@{self.address}", "sudo sh -s"]  # fmt: skip
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, timeout=WITHIN, check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {done.stdout}{done.stderr}")
        return done.stdout


def of_lab(lab: str) -> tuple[Host, ...]:
    """Return the hosts of a lab that is up, each once."""
    found: dict[str, Host] = {}
    for members in groups(lab).values():
        for name, data in members:
            found[name] = _host(name, data)
    return tuple(found.values())


def _host(name: str, data: Mapping[str, object]) -> Host:
    return Host(
        name=name,
        address=str(data["ssh_hostname"]),
        port=int(str(data["ssh_port"])),
        user=str(data["ssh_user"]),
        key=str(data["ssh_key"]),
        known_hosts=str(data["ssh_known_hosts_file"]),
    )


def on_all(hosts: Sequence[Host], work: Callable[[Host], T]) -> dict[str, T]:
    """Return what `work` says of each host, all at once."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        return dict(zip([each.name for each in hosts], pool.map(work, hosts), strict=True))
