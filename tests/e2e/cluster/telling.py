"""A deploy with secrets of all kinds, and everything that might tell them."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import yaml

from tests.e2e.cluster.asking import USER, commands_of_asker
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import TRIAL, append
from tests.e2e.cluster.watching import execs, readable, readable_now
from tests.e2e.together import together
from whisklab.lab.providers.nspawn.layout import LABS

INVENTORY = f"inventories/{TRIAL}.py"
SECRETS = f".secrets/{TRIAL}"
RANDOM = ("k3s_token", "registry_pull", "registry_push", "registry_secret")  # files of it
CONTROL = "control-" + secrets.token_hex(8)
CLIENT_KEY = "client-key-data: LS0t"  # base64 of "---", with which a PEM file begins
CONFIG = "/etc/rancher/k3s/config.yaml"
LAPTOP = "the laptop"
# Starts many programs that end at once, and has a secret in a file that others can read, for a
# moment. The watchers must see each.
SHOW_EXECS = f"""
i=0
while [ $i -lt %d ]; do CONTROL={CONTROL} /bin/true {CONTROL}-$i & i=$((i+1)); done
wait
"""
SHOW_FILE = f"umask 022; echo {CONTROL} > /etc/control; chmod 600 /etc/control; rm /etc/control"
BURST = 2000
SLOW_BURST = 200  # where a system call costs fifty times as much
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
        processes: lines of argv and environment of every exec, by machine.
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


def prepare(site: Site, told: Told) -> None:
    """Give the trial environment all kinds of secrets."""
    append(site, INVENTORY,
           "for _group in (masters, workers, storage, registry):\n"
           "    for _, _data in _group:\n"
           f"        _data['ssh_user'] = {USER!r}\n")  # fmt: skip
    told.secrets |= {name: (site.directory / SECRETS / name).read_text().strip() for name in RANDOM}
    key = (site.directory / SECRETS / "ca_key").read_text()
    told.secrets["ca_key"] = key.splitlines()[1]
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
    seen: dict[str | None, Path] = {
        host: directory / f"{host or 'laptop'}.execs" for host in (None, *site.hosts)
    }
    needles = [*told.secrets.values(), CLIENT_KEY, CONTROL]
    with ExitStack() as stack:
        stack.enter_context(execs(site, seen))
        files = [
            readable(site, host, needles, directory / f"{host}.readable") for host in site.hosts
        ]
        stack.enter_context(together(files))
        show(site)
        yield
    for machine, path in seen.items():
        told.processes[machine or LAPTOP] = path.read_text(errors="replace").splitlines()
    for host in site.hosts:
        told.readable[host] = (directory / f"{host}.readable").read_text().splitlines()


def show(site: Site) -> None:
    """Show the watchers what they must see."""
    subprocess.run(["sh", "-c", SHOW_EXECS % BURST], check=True)
    for host in site.hosts:
        site.root(host, SHOW_EXECS % burst(host) + SHOW_FILE)


def burst(machine: str) -> int:
    """Return how many programs `show` starts on a machine."""
    return SLOW_BURST if machine == "storage" else BURST


def look(site: Site, told: Told, begun: int) -> None:
    """Look at what is left on the hosts and on the laptop."""
    kubeconfig = yaml.safe_load((site.directory / SECRETS / "kubeconfig").read_text())
    told.secrets["client key"] = kubeconfig["users"][0]["user"]["client-key-data"]
    with ThreadPoolExecutor() as pool:
        list(pool.map(partial(look_at, site, told, begun), site.hosts))
    laptop = [
        *(path for path in site.directory.rglob("*") if ".venv" not in path.parts),
        *site.lab_file.parent.rglob("*"),
        *(LABS / site.name).rglob("*.log"),
    ]
    for path in laptop:
        new = path.is_file() and path.stat().st_ctime >= begun
        if new and told.told(path.read_bytes().decode(errors="replace")):
            told.holders[path] = path.stat().st_mode & 0o777


def look_at(site: Site, told: Told, begun: int, host: str) -> None:
    """Look at what is left on a host."""
    logs = "{ journalctl -a -o verbose; find /var/log -type f -exec cat {} +; }"
    told.commands[host] = commands_of_asker(site, host)
    told.logs[host] = site.root(host, f"{logs} | tr -cd '\\n\\040-\\176'")
    if host != "storage":
        told.kept[host] = told.told(site.root(host, "cat /etc/rancher/k3s/* /etc/default/k3s*"))
    told.readable[host] += readable_now(site, host, told.secrets.values(), begun)
