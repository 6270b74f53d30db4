"""The programs that are compared, in a venv of their own, and how each is run on the same hosts."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.bench.hosts import Host
from tests.bench.items import Items
from tests.bench.measure import Usage, run, tell
from tests.bench.playbook import inventory, playbook

HERE = Path(__file__).parent
LOCK = HERE / "requirements.lock"
HOME = Path(".lab/bench").absolute()
ANSIBLE, MITOGEN, STOCK, OURS = "ansible-core", "ansible with mitogen", "stock pyinfra", "whisklab"
_RECAP = re.compile(r"^(\S+)\s+: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.M)
_SEARCHES = "import ansible_mitogen as m; print(m.__path__[0])"


@dataclass(frozen=True)
class Peer:
    """A program that brings hosts to the items.

    Attributes:
        name: what people call it.
        apply: runs it once.
        changes: how many things a run says that it changed.
    """

    name: str
    apply: Callable[[], Usage]
    changes: Callable[[Usage], int]

    def applied(self) -> tuple[Usage, int]:
        """Run it once, and say how many things it has changed.

        Raises:
            RuntimeError: the run failed.
        """
        done = self.apply()
        done.expect(ok=done.code == 0, what=self.name)
        return done, self.changes(done)


def venv() -> Path:
    """Return the venv of the programs that are not ours, made when the lock is another one."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    directory = HOME / f"venv-{digest}"
    if not (directory / "ready").exists():
        tell(f"{ANSIBLE}, mitogen and pyinfra: into {directory}")
        shutil.rmtree(directory, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        subprocess.run(
            [directory / "bin/pip", "install", "--quiet", "--disable-pip-version-check",
             "--require-hashes", "-r", LOCK], check=True,
        )  # fmt: skip
        (directory / "ready").touch()
    return directory


@contextmanager
def peers(lab: str, hosts: Sequence[Host], wanted: Items) -> Iterator[list[Peer]]:
    """Return the four; connections that Ansible keeps open are ended afterwards."""
    programs = venv()
    written = _written(hosts, wanted)
    # The path of a socket is short, or OpenSSH refuses it.
    with tempfile.TemporaryDirectory(prefix="wb-") as sockets:
        try:
            yield [
                _ansible(ANSIBLE, programs, written, _tuned(sockets, len(hosts))),
                _ansible(MITOGEN, programs, written,
                         _tuned(sockets, len(hosts)) | _mitogen(programs)),
                _stock(programs, written),
                _ours(lab),
            ]  # fmt: skip
        finally:
            for socket in Path(sockets).iterdir():
                subprocess.run(
                    ["ssh", "-O", "exit", "-o", f"ControlPath={socket}", "nobody"],
                    check=False, capture_output=True,
                )  # fmt: skip


def _written(hosts: Sequence[Host], wanted: Items) -> Path:
    directory = HOME / "run"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "playbook.yml").write_text(yaml.safe_dump(playbook(wanted), sort_keys=False))
    (directory / "hosts.yml").write_text(yaml.safe_dump(inventory(hosts)))
    (directory / "ansible.cfg").write_text("")  # what counts is said by variables, and no other
    (directory / "items.json").write_text(json.dumps(wanted.data()))
    shutil.copy(HERE / "stock.py", directory)
    data = [(each.name, _data(each)) for each in hosts]
    (directory / "inventory.py").write_text(f"hosts = {data!r}\n")
    return directory


def _data(host: Host) -> dict[str, object]:
    return {
        "ssh_hostname": host.address,
        "ssh_port": host.port,
        "ssh_user": host.user,
        "ssh_key": host.key,
        "ssh_known_hosts_file": host.known_hosts,
        "ssh_strict_host_key_checking": "yes",
        "_sudo": True,
    }


def _tuned(sockets: str, forks: int) -> dict[str, str]:
    return {
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=600s",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": sockets,
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "False",
    }


def _mitogen(programs: Path) -> dict[str, str]:
    package = subprocess.run(
        [programs / "bin/python", "-c", _SEARCHES], check=True, capture_output=True, text=True
    ).stdout.strip()
    return {
        "ANSIBLE_STRATEGY": "mitogen_linear",
        "ANSIBLE_STRATEGY_PLUGINS": f"{package}/plugins/strategy",
    }


def _ansible(name: str, programs: Path, directory: Path, variables: Mapping[str, str]) -> Peer:
    argv = [programs / "bin/ansible-playbook", "-i", "hosts.yml", "playbook.yml"]
    path = f"{programs / 'bin'}{os.pathsep}{os.environ['PATH']}"
    given = {**variables, "PATH": path, "ANSIBLE_CONFIG": str(directory / "ansible.cfg")}
    return Peer(name, lambda: run(argv, cwd=directory, env=given), lambda done: recap(done.stdout))


def _stock(programs: Path, directory: Path) -> Peer:
    argv = [programs / "bin/pyinfra", "inventory.py", "stock.py", "-y", "--json"]
    return Peer(STOCK, lambda: run(argv, cwd=directory), lambda done: succeeded(done.stdout))


def _ours(lab: str) -> Peer:
    program = Path(sys.executable).with_name("pyinfra")
    argv = [program, f"inventories/{lab}.py", "tests/bench/ours.py", "-y", "--json"]
    return Peer(OURS, lambda: run(argv), lambda done: succeeded(done.stdout))


def recap(output: str) -> int:
    """Return how much Ansible says that it changed. Pure.

    Raises:
        RuntimeError: a host failed or did not answer, or there is no recap.
    """
    found = _RECAP.findall(output)
    if not found or any(int(number) for _, _, *failed in found for number in failed):
        raise RuntimeError(f"Ansible did not reach or finish all hosts:\n{output[-2000:]}")
    return sum(int(changed) for _, changed, *_ in found)


def succeeded(output: str) -> int:
    """Return how much pyinfra says that it changed. Pure.

    Raises:
        RuntimeError: a host failed.
    """
    results = json.loads(output)["results"]
    if results["failed_hosts"]:
        raise RuntimeError(f"pyinfra failed on {results['failed_hosts']}")
    return sum(len(each["success"]) for each in results["operations"])


def locked(names: Sequence[str]) -> dict[str, str]:
    """Return the versions of packages in the lock of the programs that are compared."""
    pinned = re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(), re.M)
    return {name: number for name, number in pinned if name in names}
