"""A small lab whose runs are killed."""

from __future__ import annotations

import json
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.cluster.site import Run, Site
from tests.e2e.killed import look
from tests.e2e.killed.points import Command, noted
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.tls import issuer
from whisklab.engine.tls.authority import Pair

TOPOLOGY = """
hosts:
  master:  {groups: [masters], forward: [6443]}
  worker1: {groups: [workers]}
"""
# A storage host has a kernel of its own, which makes each trial take minutes; and without it there
# are no claims for OpenWhisk.
DATA = """
provisioner_enabled = openwhisk_enabled = False
releases = {"sleeper": {"chart": "tests/charts/sleeper"}}
"""
UNUSED = ("openwhisk", "nfs-subdir-external-provisioner")


@dataclass(frozen=True)
class Aftermath:
    """What came after a run that was killed at a point.

    Attributes:
        killed: that run.
        commands: which it had given.
        running: the hosts on which it had started the service.
        following: the next run, an ordinary one.
        changes: what that one changed.
        plan: what is left to do.
        state: what is there then.
        expected: what an undisturbed run leaves there.
    """

    killed: Run
    commands: list[Command]
    running: list[str]
    following: Run
    changes: list[dict[str, Any]]
    plan: Run
    state: set[str]
    expected: set[str]


Trials = dict[str, Future[Aftermath]]  # by point


class Rig:
    """A site's lab, and the state that an undisturbed deploy leaves on it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.commands: list[Command] = []
        self.state: set[str] = set()

    def fresh(self) -> None:
        """Have hosts with nothing on them; a snapshot is restored no sooner than they are made."""
        assert self.site.whisklab("rebuild", self.site.name).code == 0

    def give(self, signer: Pair) -> None:
        """Have an authority, the same for all: a host is sent as many bytes in each run, then."""
        store = SecretStore(self.site.directory / ".secrets" / self.site.name)
        for name, text in zip(issuer.NAMES, (signer.certificate, signer.key), strict=True):
            store.write(name, text)

    def leave_out(self, *products: str) -> None:
        """Have a catalogue without their images: those are put on each node, run there or not."""
        lab = self.site.lab
        catalogue = yaml.safe_load(Path(lab["catalogue"]).read_text())
        for product in products:
            for files in catalogue[product]["versions"].values():
                del files["images"]
        path = self.site.directory / "catalogue.yaml"
        path.write_text(yaml.safe_dump(catalogue))
        self.site.lab_file.write_text(json.dumps({**lab, "catalogue": str(path)}))

    def prepare(self) -> None:
        """Deploy undisturbed, and see how that goes and what it leaves."""
        self.leave_out(*UNUSED)
        run, self.commands = self._drive("")
        assert run.code == 0, run.output
        self.state = look.everything(self.site)

    def trial(self, point: str) -> Aftermath:
        """Have a run on fresh hosts killed at `point` and let another one follow, then look."""
        name = self.site.name
        self.fresh()
        self.leave_out(*UNUSED)
        killed, commands = self._drive(point)
        running = [host for host in self.site.hosts if self._active(host)]
        following = self.site.whisklab("apply", name, "--json")
        changes = json.loads(following.stdout)["changes"]
        plan = self.site.whisklab("plan", name)
        state = look.everything(self.site)
        return Aftermath(killed, commands, running, following, changes, plan, state, self.state)

    def _active(self, host: str) -> bool:
        return "active" in self.site.root(host, "systemctl is-active k3s k3s-agent || true").split()

    def _drive(self, point: str) -> tuple[Run, list[Command]]:
        notes = self.site.directory / f"{self.site.name}.notes"
        notes.unlink(missing_ok=True)
        argv = (str(notes), point, "apply", self.site.name)
        run = self.site.run(".venv/bin/python", "-m", "tests.e2e.killed.driver", *argv)
        return run, noted(notes)
