"""An environment as the verb `images` sees it: its registry, that one's machine, its cluster."""

from __future__ import annotations

import whisklab.engine.run.start  # isort: skip  patches the standard library, must be first

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import click
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory

from deploys.k3s.render import KUBECONFIG
from deploys.k3s.settings import K3sSettings
from deploys.openwhisk.reach import connect as connect_openwhisk
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.registry import render
from whisklab import paths
from whisklab.engine.data.machine import architecture
from whisklab.engine.kubernetes.kube import Endpoint
from whisklab.engine.registries import registry as registries
from whisklab.engine.registries.registry import RegistrySettings
from whisklab.engine.run.environment import current
from whisklab.errors import BadInput, WhisklabError
from whisklab.images import collecting, content, host, keeping, listing, reach, rights
from whisklab.images.client import Registry
from whisklab.images.image import Image
from whisklab.images.listing import Listed
from whisklab.images.names import Reference
from whisklab.images.push import Push, Pushed
from whisklab.images.sources import Source
from whisklab.images.used import Used, used


@dataclass(frozen=True)
class Site:
    """An environment.

    Attributes:
        machine: that has the registry, connected; None for one that is not ours.
        master: the first server.
        registry: where it takes images.
    """

    machine: Host | None
    master: Host
    registry: Registry

    @property
    def _ours(self) -> Host:
        """The machine that has the registry.

        Raises:
            BadInput: it is not ours.
        """
        if self.machine is None:
            raise BadInput(
                f"the registry at {self.registry.access.url} is not one of whisklab's "
                "(registry_url): what no tag reaches is freed there, by those who run it"
            )
        return self.machine

    @property
    def _program(self) -> collecting.Program:
        door = render.doors(RegistrySettings.of(self._ours))[-1]
        return collecting.Program(
            render.BINARY, door.configuration, render.USER, render.DATA, door.service
        )

    def architectures(self) -> dict[str, str]:
        """Return the architecture of each node."""
        try:
            return reach.architectures(self.master, _api(self.master))
        except WhisklabError as error:
            raise WhisklabError(
                f"for which architecture the nodes are is not known: {error}: "
                "--any-architecture pushes without asking"
            ) from error

    def known_architectures(self) -> dict[str, str]:
        """Return the architecture of the registry's machine, and of the nodes if these are known.

        Before the first deploy there is no cluster that could tell.
        """
        through = self.machine or self.master
        found = {through.name: architecture(through)}
        with suppress(WhisklabError):
            found |= reach.architectures(self.master, _api(self.master))
        return found

    def push(
        self,
        source: Source,
        targets: Sequence[tuple[Image, Reference]],
        report: Callable[[str], None],
        elsewhere: Mapping[str, Sequence[str]] | None = None,
    ) -> list[Pushed]:
        """Push images, once it is known that they will be taken; arguments as of `Push`."""
        uploads = paths.state_dir() / "uploads" / current().name
        push = Push(self.registry, source, uploads, report, elsewhere or {})
        with self._sharing(report):
            for made in rights.require(self.registry, [name.repository for _, name in targets]):
                report(f"{self.registry.access.url}: the project {made} was missing, and is made")
            needed = push.lacking(targets)
            if self.machine is not None:
                host.require_room(self.machine, render.DATA, needed)
            return push.run(targets)

    @contextmanager
    def _sharing(self, report: Callable[[str], None]) -> Iterator[None]:
        """Hold off garbage collection; what others do with theirs is their own."""
        if self.machine is None:
            yield
            return
        with host.sharing(self.machine, report):
            yield

    def used(self) -> Used:
        """Return what the cluster uses, and OpenWhisk's actions."""
        return uses(self.master, self.registry.access.below)

    def listed(self, using: Used) -> list[Listed]:
        """Return all tags of the registry."""
        self.registry.require_login()
        return listing.listed(self.registry, using)

    def untag(self, names: Sequence[Reference]) -> None:
        """Remove tags."""
        with self._sharing(_say):
            for each in names:
                content.untag(self.registry, each)

    def keep_used(self) -> list[str]:
        """Give a tag to what the cluster uses without one; return their names."""
        machine = self._ours
        self.registry.require_login()
        using = self.used()
        with host.sharing(machine, _say):
            return keeping.keep(self.registry, keeping.endangered(self.going(), using))

    def going(self) -> collecting.Going:
        """Return what garbage collection would take."""
        return host.going(self._ours, self._program)

    def collect(self, told: collecting.Going) -> None:
        """Collect garbage."""
        host.collect(self._ours, self._program, told, self.registry.require_login)


def uses(master: Host, below: str = "") -> Used:
    """Return what a cluster uses, and OpenWhisk's actions.

    Args:
        master: the first server, connected.
        below: what stands in the registry before each name.

    Raises:
        WhisklabError: the cluster cannot be asked.
    """
    try:
        found = reach.objects(master, _api(master))
        return used({**found, "Action": _actions(master)}, below)
    except WhisklabError as error:
        raise WhisklabError(f"what the cluster uses is not known: {error}") from error


def _api(master: Host) -> Endpoint:
    return Endpoint(KUBECONFIG, K3sSettings.of(master).https_listen_port)


def _actions(master: Host) -> Sequence[Mapping[str, Any]]:
    """Return the actions of the guests' namespace that have an image of their own."""
    if not OpenWhiskSettings.of(master).enabled:
        return []
    client = connect_openwhisk(master, _api(master))
    found = []
    for each in client.listed("actions"):
        kinds = [note["value"] for note in each["annotations"] if note["key"] == "exec"]
        if kinds == ["blackbox"]:
            package = each["namespace"].partition("/")[2]
            name = f"{package}/{each['name']}" if package else each["name"]
            image = ((client.get("actions", name) or {}).get("exec") or {}).get("image", "")
            found.append({"metadata": {"namespace": "_", "name": name}, "image": image})
    return found


def _say(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def opened(environment: str) -> Iterator[Site]:
    """Open an environment; raises as `session.open_inventory` and `reached`."""
    with reached(whisklab.engine.run.start.session.open_inventory(environment)) as site:
        yield site


@contextmanager
def cluster(inventory: Inventory) -> Iterator[Host]:
    """Connect to the first server of an environment.

    Raises:
        WhisklabError: it cannot be reached.
    """
    master: Host = inventory.get_group("masters")[0]
    with whisklab.engine.run.start.session.connected(master):
        yield master


@contextmanager
def reached(inventory: Inventory) -> Iterator[Site]:
    """Connect to where an environment's registry is.

    Args:
        inventory: of `session.open_inventory`.

    Raises:
        BadInput: it has no registry, or the laptop lacks what it needs.
        WhisklabError: the registry's machine cannot be reached.
    """
    machine, access = registries.server(inventory), registries.pusher(inventory)
    if access is None:
        raise BadInput(
            f"{current().name} has no registry: put a machine into the group registry, see "
            "registry_enabled, and deploy; or name one in registry_url"
        )
    master = inventory.get_group("masters")[0]
    # One that is not ours is asked from where nodes ask it: the laptop may not reach it.
    through = master if machine is None else machine
    with whisklab.engine.run.start.session.connected(through):
        yield Site(machine, master, reach.connect(through, access))
