"""The private registry: CNCF distribution, twice on the same images.

The program knows accounts, but no rights. So nodes pull from a service that only reads, and
images are pushed to another one, whose only account is not theirs.
"""

from __future__ import annotations

from pyinfra import host
from pyinfra.api.host import Host

from deploys.registry import render
from whisklab.engine.artifacts.catalogue import opened
from whisklab.engine.artifacts.entries import Artifact
from whisklab.engine.data.machine import Machine, architecture
from whisklab.engine.registries import registry
from whisklab.engine.registries.registry import RegistrySettings
from whisklab.engine.registries.secrets import Credentials
from whisklab.engine.resources import accounts, copies, files, packages, pushing, room, services
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Kept, Platform
from whisklab.engine.ssh.forwards import Forward

PRODUCT = "registry"


def is_server() -> bool:
    """Tell whether this host has the registry."""
    found = registry.server()
    return found is not None and found.name == host.name


def check() -> None:
    """Check that all machines agree on a registry that the settings name.

    Raises:
        BadInput: they do not; or the laptop lacks what it needs for it.
    """
    registry.check()


def ports(_: Platform) -> dict[int, str]:
    """Return the TCP ports on which it listens on this host, and its services."""
    if not is_server():
        return {}
    return {door.port: door.service for door in render.doors(RegistrySettings.of(host))}


def open_ports(platform: Platform) -> dict[str, str]:
    """Return what a firewall of this host must let in for it, and what for."""
    return {f"{port}/tcp": "the registry" for port in ports(platform)}


def forwards(master: Host) -> list[Forward]:
    """Return the door that takes images, as a master sees it."""
    found = registry.server(master.inventory)
    if found is None:
        return []
    return [Forward(PRODUCT, Machine.of(found).node_address, RegistrySettings.of(found).push_port)]


def adopt(_: Platform) -> None:
    """On the registry's machine: take over its secrets."""
    if is_server():
        registry.credentials(registry.machine())


def certificates(_: Platform) -> Kept:
    """Return where its certificate is on its machine, and the authority's."""
    return Kept([render.CERTIFICATE, render.AUTHORITY] if is_server() else [])


@capability("registry", "renew")
def renew(_: Platform) -> None:
    """On its machine: have the services run with the certificate that the laptop has."""
    if is_server():
        known = registry.credentials(registry.machine())
        _secrets(known)
        _services(known)


def _program() -> Artifact:
    machine = Machine.of(host)
    catalogue = opened(machine.catalogue, machine.mirror)
    return catalogue.artifact(
        PRODUCT, RegistrySettings.of(host).version, PRODUCT, architecture(host)
    )


@capability("registry", "fetch")
def fetch() -> None:
    """On its machine: have the program on the laptop before any host is changed."""
    if is_server():
        packages.ahead(list(render.PACKAGES))
        room.room(name="Room for the registry", files=[(_program(), render.BINARY)])
        pushing.fetched(name="Registry in the cache", artifact=_program(), path=render.BINARY)


@capability("registry", "install")
def install() -> None:
    """On its machine: have both services running; on the first of the group: or none."""
    if is_server():
        _files(registry.credentials(registry.machine()))
        _services(registry.credentials(registry.machine()))
    elif "registry" in host.groups:
        _no_services()


def _files(known: Credentials) -> None:
    packages.installed(name="Packages", names=list(render.PACKAGES))
    accounts.of_service(name="Account", account=render.USER, home=render.DATA)
    owner = f"{render.USER}:{render.USER}"
    files.directory(name="Images", path=render.DATA, mode="750", owner=owner)
    pushing.pushed(name="Program", artifact=_program(), path=render.BINARY)
    _secrets(known)


def _secrets(known: Credentials) -> None:
    copies.kept(registry.KEPT, known.files)
    owner = f"root:{render.USER}"
    for path, text in host.loop([
        (render.CERTIFICATE, known.leaf.certificate),
        (render.KEY, known.leaf.key),
        (render.AUTHORITY, known.authority.certificate),
    ]):  # fmt: skip
        files.content(
            name=f"TLS: {path}", path=path, content=text, mode="640", owner=owner, secret=True
        )


def _no_services() -> None:
    # What was pushed stays, and the secrets, so that it comes back as it was.
    shared = [render.CERTIFICATE, render.KEY, render.AUTHORITY, render.BINARY]
    for door in host.loop(render.doors(RegistrySettings.of(host))):
        services.removed(
            name=f"No service {door.service}",
            service=door.service,
            path=door.unit,
            header=render.HEADER,
            directory=render.DIRECTORY,
            files=[door.configuration, door.accounts, *shared],
        )


def _services(known: Credentials) -> None:
    address, program = Machine.of(host).node_address, _program()
    runs, owner = f"{program}, SHA-256 {program.source.sha256}", f"root:{render.USER}"
    for door in host.loop(render.doors(RegistrySettings.of(host))):
        for path, text in host.loop([
            (door.configuration, render.configuration(door, address, known)),
            (door.accounts, render.accounts(door, known)),
        ]):  # fmt: skip
            files.content(
                name=f"Configuration {path}", path=path, content=text, mode="640", owner=owner,
                secret=True,
            )  # fmt: skip
        files.content(name=f"Unit {door.unit}", path=door.unit, content=render.unit(door, runs))
        services.running(
            name=f"Service {door.service}",
            service=door.service,
            wish=render.wish(door, address, runs, known),
            configuration=[door.configuration, door.unit],
            health_url=f"{render.url(address, door.port)}/",
            authority=render.AUTHORITY,
        )
