"""A lab seen from outside: through the command, OpenSSH, and what the machine shows of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e import bases, running
from whisklab.lab.status import QUICK_KEYS

WHISKLAB = Path(sys.executable).with_name("whisklab")
LABS = Path("/var/lib/whisklab/labs")
WITHIN = 900  # seconds; the first `up` of a machine makes the image
GONE_WITHIN = 10.0  # seconds; a busy machine is late with the end of what was killed
KEEPER = "whisklab.lab.providers.nspawn.keeper"  # the module that starts a host
SYSCTLS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "vm/panic_on_oom")


@dataclass(frozen=True)
class Run:
    """A finished command."""

    code: int
    out: str
    err: str


class Lab:
    """A lab called `name` with its files in `directory`."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.topology = directory / f"{name}.yaml"
        self.environment = {**os.environ, "XDG_STATE_HOME": str(bases.STATE)}
        self.state = bases.STATE / "whisklab/labs" / name
        self._held: dict[int, int] = {}  # the descriptor of each namespace that was seen
        running.note(name, bases.STATE)

    def end(self) -> None:
        """Take it down."""
        self.run("down")
        running.forget(self.name, bases.STATE)

    def write(self, *hosts: str) -> None:
        """Write a topology with these hosts; the first forwards a port."""
        lines = [
            "catalogue: upstream",
            "internet: false",
            "hosts:",
            f"  {hosts[0]}: {{forward: [6443]}}",
        ]
        lines += [f"  {host}: {{}}" for host in hosts[1:]]
        self.topology.write_text("\n".join(lines) + "\n")

    def command(self, verb: str, *arguments: str) -> list[str]:
        """The command line of a verb for this lab."""
        more = ["--topology", str(self.topology)] if verb == "up" else []
        return [str(WHISKLAB), verb, self.name, *more, *arguments]

    def run(self, verb: str, *arguments: str, code: int = 0) -> Run:
        """Run a verb; it must end with `code`."""
        done = execute(self.command(verb, *arguments), self.environment)
        assert done.code == code, done.err + done.out
        return done

    def run_at(self, source: str, verb: str, *arguments: str) -> Run:
        """Run a verb of another lab, or of a snapshot; it must end well."""
        done = execute([str(WHISKLAB), verb, source, *arguments], self.environment)
        assert done.code == 0, done.err + done.out
        return done

    def start(self, verb: str) -> subprocess.Popen[str]:
        """Start a verb in a process group of its own, its progress to be read."""
        return subprocess.Popen(
            self.command(verb), env=self.environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def ssh(self, host: str, command: str) -> Run:
        """Run a shell command on a host, through `whisklab ssh`."""
        return execute(self.command("ssh", host, "--", command), self.environment)

    def does(self, host: str, command: str) -> str:
        """Run a shell command on a host; it must succeed. Returns what it prints."""
        done = self.ssh(host, command)
        assert done.code == 0, done.err
        return done.out.strip()

    def hosts(self) -> dict[str, dict[str, Any]]:
        """The hosts as `whisklab status --json` has them, by name."""
        found = json.loads(self.run("status", "--json").out)["hosts"]
        return {host["name"]: host for host in found}

    def openssh(self, host: str, *options: str, user: str = "lab", command: str = "id -un") -> Run:
        """Log in with the OpenSSH client, with nothing but what is said here."""
        port = str(self.hosts()[host]["ssh_port"])
        common = [
            "-F", "none", "-p", port, "-i", str(self.state / "id_ed25519"),
            "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes",
            "-o", "GlobalKnownHostsFile=/dev/null", *QUICK_KEYS,
        ]  # fmt: skip
        known = [] if options else ["-o", f"UserKnownHostsFile={self.state / 'known_hosts'}"]
        argv = ["ssh", *common, *known, *options, f"{user}@127.0.0.1", command]
        return execute(argv, self.environment)

    def processes(self) -> dict[str, int]:
        """The process id of every host's systemd-nspawn, or kernel when it has one of its own."""
        there = commands()
        keepers = {pid for pid, argv in there if KEEPER in argv}
        found: dict[str, int] = {}
        for pid, argv in there:
            for word in argv:
                kind, _, machine = word.partition("=")
                lab, _, host = machine.partition(".")
                ours = kind in ("--machine", "umid") and lab == f"wl-{self.name}"
                # A kernel's own processes have its arguments too; its keeper started the first.
                if ours and parent(pid) in keepers:
                    found[host] = pid
        return found

    def namespaces(self) -> set[int]:
        """The network namespaces of the lab, by inode.

        They are held until what is left has been looked for: else the kernel gives the number of
        one that is gone to the next one made, to a pod or a host of the lab beside this one, say.
        """
        opened = (os.open(file, os.O_RDONLY) for file in there(f"wl-{self.name}*")
                  if self._mine(file.name))  # fmt: skip
        found = {os.fstat(descriptor).st_ino: descriptor for descriptor in opened}
        for inode, descriptor in found.items():
            if self._held.setdefault(inode, descriptor) != descriptor:
                os.close(descriptor)
        return set(found)

    def _mine(self, namespace: str) -> bool:
        return namespace.partition(".")[0] == f"wl-{self.name}"

    def left(self, namespaces: set[int]) -> list[str]:
        """What is left of a lab that is down: its traces, once killed processes had time to go."""
        until = time.monotonic() + GONE_WITHIN
        while in_namespaces(namespaces) and time.monotonic() < until:
            time.sleep(0.05)
        found = self.traces(namespaces)
        for descriptor in self._held.values():  # not before: see `namespaces`
            os.close(descriptor)
        self._held.clear()
        return found

    def traces(self, namespaces: set[int]) -> list[str]:
        """Everything on the machine that is of this lab or in one of `namespaces`."""
        found = [str(file) for file in there("wl-*") if self._mine(file.name)]
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        found += [line for line in mounts if f"/labs/{self.name}/" in line]
        found += [line for line in mounts if f"wl-{self.name}" in line]
        for pattern in (f"*/whisklab/{self.name}", f"whisklab/{self.name}"):
            found += [str(path) for path in Path("/sys/fs/cgroup").glob(pattern)]
        locks = (Path("/run/whisklab/locks"), self.state.parent.parent / "locks")
        found += [str(lock) for top in locks for lock in top.glob(f"lab-{self.name}.lock")]
        for runtime in ("/run/systemd/nspawn/propagate", "/run/whisklab/uml"):
            found += [str(path) for path in Path(runtime).glob(f"wl-{self.name}.*")]
        found += [str(path) for path in (LABS / self.name, self.state) if path.exists()]
        found += [f"process {pid}: {told(pid)}" for pid in in_namespaces(namespaces)]
        return found


def there(pattern: str) -> list[Path]:
    """The network namespaces of such a name."""
    return list(Path("/run/netns").glob(pattern))


def execute(argv: Sequence[str], environment: dict[str, str]) -> Run:
    """Run a program to its end."""
    done = subprocess.run(
        argv, env=environment, capture_output=True, text=True, check=False, timeout=WITHIN,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return Run(done.returncode, done.stdout, done.stderr)


def commands() -> list[tuple[int, list[str]]]:
    """The processes of the machine with their arguments."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:  # it ended meanwhile
                continue
            found.append((int(entry.name), words))
    return found


def parent(pid: int) -> int:
    """The parent of a process; 0 when the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def in_namespaces(namespaces: set[int]) -> list[int]:
    """The processes in any of these network namespaces."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                inode = (entry / "ns/net").stat().st_ino
            except OSError:  # it ended meanwhile
                continue
            if inode in namespaces:
                found.append(int(entry.name))
    return found


def told(pid: int) -> str:
    """What a process is, and its state; empty when it is gone."""
    try:
        words = (Path(f"/proc/{pid}/cmdline")).read_text(errors="replace").replace("\0", " ")
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return ""
    name, _, fields = stat.rpartition(")")
    return f"{words or name} in state {fields.split()[0]}, child of {fields.split()[1]}"


def sysctls() -> dict[str, str]:
    """Settings of the whole machine that kubelet and deploys would change."""
    return {key: (Path("/proc/sys") / key).read_text() for key in SYSCTLS}


def kill_group(process: subprocess.Popen[str]) -> None:
    """End a started verb and root's part of it at once, as a crash would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
