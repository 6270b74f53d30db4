"""A fresh copy of the repository and the lab made from it, seen only from outside.

Nothing here uses our own code to look at a host: it goes through the OpenSSH client and the
shell, so that what a run reports can be compared with what is.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisklab.lab.status import QUICK_KEYS

REPOSITORY = Path(__file__).parents[3]
STYLE = re.compile(r"\x1b\[[0-9;]*m")
SSH_CODE_LOST = 255
NOT_BEGUN = "kex_exchange_identification: "  # of OpenSSH's client
SSHD_AWAY = 15.0  # seconds

# Services of a login, not of the host: they come and go with our own SSH connections. The first
# one starts logind itself, which a busy machine does late.
LOGIN_UNITS = ("user@", "user-runtime-dir@", "systemd-logind.")
# Without what kubectl, which the tests run there, caches for root.
WATCHED = ("/etc", "/usr", "/opt", "/root", "/home", "/var/lib/dpkg", "/var/lib/apt",
           "/var/lib/rancher/k3s/agent/images")  # fmt: skip
# A host with a kernel of its own needs seconds for what packages bring to /usr; that none of them
# changed is seen in dpkg's own files.
OF_PACKAGES = ("/usr/bin", "/usr/include", "/usr/lib", "/usr/sbin", "/usr/share")
OWN_KERNEL = ("storage",)


@dataclass(frozen=True)
class Run:
    """A finished command: exit code, everything it printed, and its stdout alone."""

    code: int
    output: str
    stdout: str

    def changes(self) -> set[tuple[str, str]]:
        """Return (operation, host) for all that a `pyinfra --json` run changed."""
        results = json.loads(self.stdout)["results"]
        assert not results["failed_hosts"], self.output
        return {
            (operation["name"], host)
            for operation in results["operations"]
            for host in operation["success"]
        }


@dataclass(frozen=True)
class Snapshot:
    """What a host is: running services (process id and start), files (mtime, ctime, size)."""

    services: dict[str, str]
    files: dict[str, str]

    def changed_files(self, later: Snapshot) -> set[str]:
        """Return the paths that were made, removed or touched since."""
        return {path for path, _ in set(self.files.items()) ^ set(later.files.items())}


class Site:
    """The copy in `directory`, whose lab and environment are called `name`."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.name = name
        self.inventory = f"inventories/{name}.py"
        self.environment = {
            **os.environ,
            "XDG_CACHE_HOME": str(directory / "empty-cache"),
            "XDG_STATE_HOME": str(directory / "state"),
            # Only whisklab's caches are to be empty: compilers and pip keep theirs.
            "GOCACHE": _tool("go", "env", "GOCACHE"),
            "PIP_CACHE_DIR": _tool("python3", "-m", "pip", "cache", "dir"),
            "PYINFRA_PROGRESS": "off",
        }

    def copy_repository(self, *, catalogue: str = "standins") -> None:
        """Put into the directory what a clone would have, and an environment of our own name.

        Args:
            catalogue: what the topology is to say of it: tests do not depend on this machine's
                network.
        """
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"],
            cwd=REPOSITORY, check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        for name in filter(None, listed.split("\0")):
            if (REPOSITORY / name).is_file():
                (self.directory / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(REPOSITORY / name, self.directory / name)
        for name in ("inventories/lab.py", "inventories/lab.yaml", "group_data/lab.py"):
            source = self.directory / name
            shutil.copy2(source, source.with_stem(self.name))
        topology = self.directory / f"inventories/{self.name}.yaml"
        text = topology.read_text()
        assert "catalogue: auto" in text
        topology.write_text(text.replace("catalogue: auto", f"catalogue: {catalogue}"))

    def command(self, argv: Sequence[str]) -> tuple[Sequence[str], dict[str, str]]:
        """Return how a command is started here, and with which environment variables."""
        return argv, self.environment

    def run(self, *argv: str, timeout: float = 600) -> Run:
        """Run a command in the copy; stdin is closed, as in CI."""
        words, environment = self.command(argv)
        done = subprocess.run(
            words, cwd=self.directory, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
        )  # fmt: skip
        output = STYLE.sub("", done.stdout + done.stderr)
        print(f"$ {shlex.join(argv)}\n{output}\nexit code {done.returncode}")
        return Run(done.returncode, output, done.stdout)

    @contextmanager
    def variables(self, **changed: str) -> Iterator[None]:
        """Run commands with these environment variables, for a while."""
        before = dict(self.environment)
        self.environment |= changed
        yield
        self.environment = before

    def whisklab(self, *arguments: str) -> Run:
        """Run the whisklab command of the copy."""
        return self.run(".venv/bin/whisklab", *arguments)

    def pyinfra(self, inventory: str, *arguments: str) -> Run:
        """Run `pyinfra INVENTORY deploy.py ...` of the copy."""
        return self.run(".venv/bin/pyinfra", inventory, "deploy.py", *arguments)

    def converge(self) -> set[tuple[str, str]]:
        """Deploy, require success, return what was changed."""
        done = self.pyinfra(self.inventory, "-y", "--json")
        assert done.code == 0, done.output
        return done.changes()

    @property
    def lab_file(self) -> Path:
        """Where the lab's user keeps what he knows of it."""
        return Path(self.environment["XDG_STATE_HOME"]) / f"whisklab/labs/{self.name}/lab.json"

    @property
    def lab(self) -> dict[str, Any]:
        """What the lab wrote down about its hosts."""
        found: dict[str, Any] = json.loads(self.lab_file.read_text())
        return found

    @property
    def hosts(self) -> list[str]:
        """The names of all hosts."""
        return [host["name"] for host in self.lab["hosts"]]

    def ssh_command(self, host: str, *options: str) -> list[str]:
        """Return the argv of OpenSSH to a host, with strict host keys and our key only."""
        lab = self.lab
        found = next(each for each in lab["hosts"] if each["name"] == host)
        return [
            "ssh", "-F", "/dev/null", "-i", lab["key"], "-p", str(found["ssh_port"]),
            "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes",
            "-o", f"UserKnownHostsFile={lab['known_hosts']}", "-o", "LogLevel=ERROR", *QUICK_KEYS,
            *options, f"{lab['user']}@{found['ssh_address']}",
        ]  # fmt: skip

    def ssh(self, host: str, *argv: str, check: bool = True, within: float = 120) -> str:
        """Run one command on a host as the ordinary user; return its stdout."""
        deadline = time.monotonic() + SSHD_AWAY
        while True:
            done = subprocess.run(
                [*self.ssh_command(host), shlex.join(argv)], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=within, check=False,
            )  # fmt: skip
            # The command has not begun: an sshd that reloads is away for a moment.
            if NOT_BEGUN not in done.stderr or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        assert done.returncode != SSH_CODE_LOST, done.stderr
        told = f"{host}: {argv}: exit code {done.returncode}: {done.stdout}{done.stderr}"
        assert not check or done.returncode == 0, told
        return done.stdout

    def root(self, host: str, script: str, check: bool = True) -> str:
        """Run a shell script on a host as root; return its stdout."""
        return self.ssh(host, "sudo", "sh", "-c", script, check=check)

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """Run kubectl on the master; return its stdout."""
        return self.ssh("master", "sudo", "k3s", "kubectl", *arguments, check=check)

    def objects(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the items of `kubectl get ARGUMENTS`."""
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", *arguments, "-o", "json"))[
            "items"
        ]
        return items

    def snapshot(self, host: str) -> Snapshot:
        """Look at a host's services and files."""
        shown = self.root(
            host,
            "systemctl list-units --type=service --state=running --no-legend --plain "
            "| cut -d' ' -f1 | xargs systemctl show -p Id,MainPID,ExecMainStartTimestampMonotonic",
        )
        services = {}
        for block in shown.strip().split("\n\n"):
            values = dict(line.split("=", 1) for line in block.splitlines())
            if not values["Id"].startswith(LOGIN_UNITS):
                services[values["Id"]] = "@".join(
                    (values["MainPID"], values["ExecMainStartTimestampMonotonic"])
                )
        left = " ".join(f"-path {path} -prune -o" for path in OF_PACKAGES if host in OWN_KERNEL)
        find = f"find {' '.join(WATCHED)} -xdev {left} ! -type d ! -path '/root/.kube/*'"
        listed = self.root(host, f"{find} -printf '%p\\t%T@ %C@ %s\\n' || true")
        files = dict(line.rsplit("\t", 1) for line in listed.splitlines())
        assert services
        assert files
        return Snapshot(services, files)

    def snapshots(self) -> dict[str, Snapshot]:
        """Look at all hosts, at once: a look takes a second, and tests look often."""
        hosts = self.hosts
        with ThreadPoolExecutor() as pool:
            return dict(zip(hosts, pool.map(self.snapshot, hosts), strict=True))


def _tool(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()
