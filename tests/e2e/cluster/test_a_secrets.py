"""No secret in any argv, environment, log, plan, diff or file that others can read.

Everything happens once, in the fixture `told`: fresh hosts, a sudo that asks for a password, runs
of all kinds that print as much as they can. The tests then look at what was seen.
"""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster.asking import USER, asking, commands_of_asker
from tests.e2e.cluster.faults import slowed
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import TRIAL, append, trial_environment
from tests.e2e.cluster.waiting import until
from tests.e2e.cluster.watching import processes, readable, readable_now
from whisklab.lab.providers.nspawn.layout import LABS

pytestmark = pytest.mark.e2e

INVENTORY = f"inventories/{TRIAL}.py"
SECRETS = f".secrets/{TRIAL}"
CONTROL = "control-" + secrets.token_hex(8)
CLIENT_KEY = "client-key-data: LS0t"  # base64 of "---", with which a PEM file begins
CONFIG = "/etc/rancher/k3s/config.yaml"
LAPTOP = "the laptop"
# Programs through which files are written: slow, so that each state of a file is seen.
SLOW = ("/usr/bin/chmod", "/usr/bin/chown", "/usr/bin/mv")
DATA = """
http_proxy = https_proxy = "http://someone:{proxy}@proxy.example.org:3128"
k3s_registries = {{
    "configs": {{"r.example.org": {{"auth": {{"username": "r", "password": "{registry}"}}}}}},
}}
"""


@dataclass
class Told:
    """What was seen.

    Attributes:
        secrets: what each is, to its text.
        printed: what a command printed, by the command.
        processes: lines of each argv and environment that a process had, by machine.
        commands: what sshd was asked to run, by host.
        logs: of the hosts.
        kept: the secrets in the files that are for k3s, by node.
        readable: paths that the user `nobody` could read, if only for a moment, by host.
        holders: files of the laptop, below the copy, with a secret.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    printed: dict[str, str] = field(default_factory=dict)
    processes: dict[str, list[str]] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    kept: dict[str, set[str]] = field(default_factory=dict)
    readable: dict[str, list[str]] = field(default_factory=dict)
    holders: dict[Path, int] = field(default_factory=dict)

    def told(self, text: str) -> set[str]:
        """Return which secrets are in a text."""
        return {what for what, secret in self.secrets.items() if secret in text}

    def add(self, run: Run, code: int, *argv: str) -> None:
        """Keep what a command printed; it must have ended with `code`."""
        assert run.code == code, run.output
        self.printed[" ".join(argv)] = run.output


@pytest.fixture(scope="module")
def told(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Make the hosts anew, watch all runs on them, and have them as before at the end."""
    told, begun = Told(), int(time.time())
    assert site.whisklab("rebuild", site.name).code == 0
    # Packages know no secret, and with a kernel of its own and the watchers they take minutes.
    # What writes secrets comes later, on all hosts; the others install under their watchers' eyes.
    only = ("--only", "base,nfs", "--limit", "storage")
    assert site.whisklab("apply", site.name, *only).code == 0
    with trial_environment(site), ExitStack() as stack:
        prepare(site, told)
        for host in site.hosts:
            stack.enter_context(asking(site, host, told.secrets["sudo password"]))
        with watched(site, told, tmp_path_factory.mktemp("seen")):
            runs(site, told)
        look(site, told, begun)
    site.converge()
    assert site.converge() == set()
    return told


def prepare(site: Site, told: Told) -> None:
    """Give the trial environment all kinds of secrets."""
    append(site, INVENTORY,
           "for _group in (masters, workers, storage, registry):\n"
           "    for _, _data in _group:\n"
           f"        _data['ssh_user'] = {USER!r}\n")  # fmt: skip
    token = (site.directory / SECRETS / "k3s_token").read_text().strip()
    told.secrets |= {"token": token}
    told.secrets |= {each: secrets.token_hex(12) for each in ("sudo password", "agent-token")}
    for each in ("proxy password", "registry password"):
        for number in (1, 2):
            told.secrets[f"{each} {number}"] = secrets.token_hex(12)
    password = site.directory / SECRETS / "sudo_password"
    password.touch(mode=0o600)
    password.write_text(told.secrets["sudo password"])


def give(site: Site, told: Told, number: int) -> None:
    """Put passwords into the data."""
    data = site.directory / f"group_data/{TRIAL}.py"
    own = (site.directory / f"group_data/{site.name}.py").read_text()
    data.write_text(own + DATA.format(
        proxy=told.secrets[f"proxy password {number}"],
        registry=told.secrets[f"registry password {number}"],
    ))  # fmt: skip


def runs(site: Site, told: Told) -> None:
    """Run everything that may tell a secret, twice with something to write."""
    dry = ("--dry", "-vvv", "--diff", "--debug-all", "--debug-operations")
    wet = ("-y", "-vvv", "--diff", "--debug-all")
    give(site, told, 1)
    told.add(site.whisklab("plan", TRIAL, "--diff"), 3, "plan --diff")
    told.add(site.pyinfra(INVENTORY, *wet), 0, *wet)
    give(site, told, 2)
    leave_token(site, told)
    told.add(site.whisklab("plan", TRIAL, "--diff", "--json"), 3, "plan --diff --json")
    told.add(site.whisklab("apply", TRIAL, "--diff"), 0, "apply --diff")
    told.add(site.pyinfra(INVENTORY, *dry), 0, *dry)


def leave_token(site: Site, told: Told) -> None:
    """Put into a configuration of a host what the data do not have (any more)."""
    subprocess.run(
        [*site.ssh_command("worker1"), f"sudo tee -a {CONFIG} > /dev/null"],
        input=f"agent-token: {told.secrets['agent-token']}\n", text=True, check=True, timeout=60,
    )  # fmt: skip


@contextmanager
def watched(site: Site, told: Told, directory: Path) -> Iterator[None]:
    """Watch this machine and all hosts."""
    machines: Mapping[str, str | None] = {LAPTOP: None, **{host: host for host in site.hosts}}
    needles = [*told.secrets.values(), CLIENT_KEY, CONTROL]
    with ExitStack() as stack:
        for name, host in machines.items():
            stack.enter_context(processes(site, host, directory / f"{name}.processes"))
        for host in site.hosts:
            stack.enter_context(readable(site, host, needles, directory / f"{host}.readable"))
            stack.enter_context(slowed(site, host, SLOW))
        for name, host in machines.items():
            seen = directory / f"{name}.processes"
            until(f"argv on {name} are seen", partial(shown, site, host, seen))
        for host in site.hosts:
            seen = directory / f"{host}.readable"
            until(f"files on {host} are seen", partial(shown, site, host, seen))
        yield
    for name in machines:
        text = (directory / f"{name}.processes").read_text(errors="replace")
        told.processes[name] = text.splitlines()
    for host in site.hosts:
        told.readable[host] = (directory / f"{host}.readable").read_text().splitlines()


def shown(site: Site, host: str | None, seen: Path) -> bool:
    """Show the watchers of a machine, for a moment, what they must see; return whether they did."""
    script = f": {CONTROL}; sleep 0.02"
    if host is None:
        subprocess.run(["sh", "-c", script], check=True)
    else:
        file = f"umask 022; echo {CONTROL} > /etc/control; sleep 0.2; rm /etc/control"
        site.root(host, script if seen.suffix == ".processes" else file)
    text = seen.read_text(errors="replace")
    return CONTROL in text or "/etc/control" in text


def look(site: Site, told: Told, begun: int) -> None:
    """Look at what is left on the hosts and on the laptop."""
    kubeconfig = yaml.safe_load((site.directory / SECRETS / "kubeconfig").read_text())
    told.secrets["client key"] = kubeconfig["users"][0]["user"]["client-key-data"]
    logs = "{ journalctl -a -o verbose; find /var/log -type f -exec cat {} +; }"
    for host in site.hosts:
        told.commands[host] = commands_of_asker(site, host)
        told.logs[host] = site.root(host, f"{logs} | tr -cd '\\n\\040-\\176'")
        if host != "storage":
            told.kept[host] = told.told(site.root(host, "cat /etc/rancher/k3s/* /etc/default/k3s*"))
        told.readable[host] += readable_now(site, host, told.secrets.values(), begun)
    laptop = [
        *(path for path in site.directory.rglob("*") if ".venv" not in path.parts),
        *(LABS / site.name).rglob("*.log"),
    ]
    for path in laptop:
        new = path.is_file() and path.stat().st_ctime >= begun
        if new and told.told(path.read_bytes().decode(errors="replace")):
            told.holders[path] = path.stat().st_mode & 0o777


def test_the_hosts_have_the_secrets_and_the_watchers_see(site: Site, told: Told) -> None:
    for lines in told.processes.values():
        assert any(CONTROL in line for line in lines)
    for host in site.hosts:
        assert "/etc/control" in told.readable[host]
        assert CONTROL in told.logs[host]
    second = {"token", "registry password 2", "proxy password 2"}
    for host, kept in told.kept.items():
        assert kept == second | ({"client key"} if host == "master" else set())


def test_no_secret_is_in_any_argv(told: Told) -> None:
    for machine, lines in told.processes.items():
        found = [line for line in lines if line.startswith("cmdline ") and told.told(line)]
        assert found == [], machine
    for host, text in told.commands.items():
        assert len(text.splitlines()) > 20, host
        assert told.told(text) == set(), host


def test_no_secret_is_in_any_environment(told: Told) -> None:
    """But for a proxy's password in those of root's processes, where k3s wants it."""
    for machine, lines in told.processes.items():
        for line in lines:
            if line.startswith("environ 0 "):
                assert told.told(line) <= {"proxy password 1", "proxy password 2"}, machine
            elif line.startswith("environ "):
                assert told.told(line) == set(), machine


def test_no_secret_is_printed(told: Told) -> None:
    for argv, text in told.printed.items():
        assert "Cluster token" in text or "registries.yaml" in text or "nothing" in text, argv
        assert told.told(text) == set(), argv
        assert CLIENT_KEY not in text, argv


def test_no_secret_is_in_the_logs_of_a_host(told: Told) -> None:
    for host, text in told.logs.items():
        assert "COMMAND=" in text, host  # sudo writes down what it runs, with all arguments
        assert told.told(text) == set(), host


def test_no_secret_is_in_a_file_that_others_can_read(told: Told) -> None:
    """Not for a moment either."""
    for host, paths in told.readable.items():
        assert [path for path in paths if path.startswith("/")] == ["/etc/control"], host


def test_the_laptop_keeps_secrets_to_itself(site: Site, told: Told) -> None:
    assert told.holders.pop(site.directory / f"group_data/{TRIAL}.py")  # written by the test
    trial = site.directory / SECRETS
    kept = {trial / name for name in ("k3s_token", "sudo_password", "kubeconfig")}
    assert kept <= set(told.holders)
    for path, mode in told.holders.items():
        assert path.parent.parent == site.directory / ".secrets"
        assert mode == 0o600, path
    assert (site.directory / ".secrets" / site.name).stat().st_mode & 0o777 == 0o700
