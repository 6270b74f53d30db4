"""`whisklab make LAB`: machines, the whole deploy, what works, and where the time went."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import click

from whisklab.cli.lab import print_up
from whisklab.cli.progress import Progress
from whisklab.errors import WhisklabError
from whisklab.lab import manage
from whisklab.lab.topology import check_lab_name

STAGE = re.compile(r"Starting operation: Stage: (?P<name>.*\S)")
STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Clock:
    """Collects how long each part took, in seconds."""

    parts: list[tuple[str, float]] = field(default_factory=list)
    _since: float = field(default_factory=time.monotonic)

    def lap(self, name: str) -> None:
        """End the part that is going on, and call it `name`."""
        now = time.monotonic()
        self.parts.append((name, now - self._since))
        self._since = now

    def table(self) -> list[str]:
        """Return one line for each part, and their sum."""
        total = sum(seconds for _, seconds in self.parts)
        rows = [*self.parts, ("in all", total)]
        width = max(len(name) for name, _ in rows)
        return [f"  {name.ljust(width)}  {seconds:7.1f} s" for name, seconds in rows]


@click.command()
@click.argument("lab")
@click.option(
    "--catalogue",
    type=click.Choice(["auto", "upstream", "standins"]),
    help="Where artifacts come from; the topology says it unless given.",
)
def make(lab: str, catalogue: str | None) -> None:
    """Bring up LAB, deploy the platform on it and try it; run again, it does what is missing."""
    inventory = Path("inventories") / f"{check_lab_name(lab)}.py"
    if not inventory.is_file():
        raise WhisklabError(
            f"{inventory}: not there: copy inventories/lab.py to it, and group_data/lab.py to "
            f"group_data/{lab}.py"
        )
    clock = Clock()
    with Progress() as progress:
        topology = inventory.with_suffix(".yaml")
        result = manage.up(lab, topology, progress.report, catalogue=catalogue)
    print_up(lab, result)
    clock.lap("machines and artifacts")
    _deploy(inventory, clock)
    _verify(lab, clock)
    click.echo(f"{lab} is ready. Where the time went:")
    for line in clock.table():
        click.echo(line)
    click.echo(f"kubectl --kubeconfig .secrets/{lab}/kubeconfig get nodes")
    click.echo(f"whisklab ssh {lab} HOST, whisklab status {lab}, whisklab down {lab}")


def _verify(lab: str, clock: Clock) -> None:
    whisklab = str(Path(sys.executable).with_name("whisklab"))
    done = subprocess.run([whisklab, "verify", lab], check=False)
    clock.lap("verify")
    if done.returncode:
        raise WhisklabError(f"{lab} is deployed, but what failed above does not work")


def _deploy(inventory: Path, clock: Clock) -> None:
    pyinfra = str(Path(sys.executable).with_name("pyinfra"))
    with subprocess.Popen(
        [pyinfra, str(inventory), "deploy.py", "-y"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            click.echo(line, nl=False)
            if found := STAGE.search(STYLE.sub("", line)):
                clock.lap(f"deploy, until {found['name']}")
    clock.lap("deploy, the rest")
    if process.returncode:
        raise WhisklabError(
            f"the deploy of {inventory.stem} failed, see above; run it again when "
            "that is mended, it continues where it stopped"
        )
