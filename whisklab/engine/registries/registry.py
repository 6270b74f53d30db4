"""The environment's registry, as all who use it must know it: where it is, whom it trusts.

It is one of our own, or one that the settings name (`named`). The secrets of our own are made once
on the laptop; the machine that has it keeps a copy of them (root only), from which another laptop
takes them over.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator
from pyinfra import inventory
from pyinfra.api.host import Host
from pyinfra.api.inventory import Inventory

from whisklab.engine.data.machine import Machine
from whisklab.engine.data.names import Account, Port
from whisklab.engine.data.settings import Settings
from whisklab.engine.facts import everywhere
from whisklab.engine.registries import named
from whisklab.engine.registries.access import Access
from whisklab.engine.registries.secrets import PASSWORDS, PULLER, PUSHER, Credentials, chosen
from whisklab.engine.resources import copies
from whisklab.engine.run.environment import current
from whisklab.engine.tls import issuer
from whisklab.engine.tls.certificates import CertificateSettings
from whisklab.engine.urls import bracketed
from whisklab.errors import BadInput, WhisklabError

KEPT = "/var/lib/whisklab/registry"  # on its machine; a file for each secret
ACCOUNT, PUSH_ACCOUNT = "registry_account", "registry_push_account"  # secrets of a named one


# As the name of an image begins: a host with a dot or a port, or localhost.
Mirrored = Annotated[str, Field(pattern=r"^(\*|localhost|[a-z0-9-]+(\.[a-z0-9-]+)+)(:\d+)?$")]


# All of them; those that charts name most also by their names, as k3s knows "*" only since 2024.
UPSTREAMS = ("*", "docker.io", "ghcr.io", "quay.io", "registry.k8s.io")
_OF_A_NAMED_ONE = ("project", "account", "push_account", "ca")


class RegistrySettings(Settings):
    """The private registry, on the first machine of the group registry; or one that is there.

    Attributes:
        enabled: False removes it; what was pushed stays.
        url: of a registry that you have already, such as "https://harbor.example:8443": nodes pull
            from it, images go to it, and none is installed; None for one of your own.
        project: of that registry, or a longer path there, below which all names lie: with "lab"
            the image one:1 is lab/one:1 there.
        account: with which nodes pull from it, such as "robot$lab+pull"; None for nobody's. Its
            password is in .secrets/<environment>/registry_account, which you write.
        push_account: with which images go to it, and its password in registry_push_account there;
            None for the same.
        ca: path of a PEM file with its authority's certificate; None: one that everybody trusts.
        version: of CNCF distribution, such as "v3.1.2"; None takes the catalogue's default.
        port: where nodes pull, with the account `nodes`; nothing can be changed there.
        push_port: where images are pushed, with the account `push`.
        mirrors: registries whose images nodes ask the registry for first, such as ["docker.io"]; an
            image then keeps its name, and lies there below the same path. "*" stands for all.
    """

    prefix: ClassVar[str] = "registry_"
    closed: ClassVar[Mapping[str, Any]] = MappingProxyType({"mirrors": list(UPSTREAMS)})

    enabled: bool = True
    url: named.Url | None = None
    project: named.Project = ""
    account: Account | None = None
    push_account: Account | None = None
    ca: str | None = None
    version: str | None = None
    port: Port = 5000
    push_port: Port = 5001
    mirrors: list[Mirrored] = []

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        given = [name for name in _OF_A_NAMED_ONE if getattr(self, name)]
        if given and self.url is None:
            raise ValueError(
                f"registry_{given[0]} is of a registry that registry_url names: name it, or leave "
                f"registry_{given[0]} out"
            )
        return self


def server(machines: Inventory | None = None) -> Host | None:
    """Return the machine that has the registry, None for none.

    Args:
        machines: among which it is looked for; those of the run unless given.
    """
    group = (inventory if machines is None else machines).get_group("registry", default=[])
    found: Host | None = next(iter(group), None)
    if found is None:
        return None
    settings = RegistrySettings.of(found)
    return found if settings.enabled and settings.url is None else None


def is_wanted(machines: Inventory | None = None) -> bool:
    """Tell whether the environment has a registry, its own or a named one; nobody is asked.

    Args:
        machines: as for `server`.
    """
    first = next(iter(inventory if machines is None else machines))
    return server(machines) is not None or RegistrySettings.of(first).url is not None


def nobody_is_asked(machine: Host) -> bool:
    """Tell whether a machine's network is closed and has no registry, so that nothing is pulled."""
    return Machine.of(machine).offline and not is_wanted()


def check() -> None:
    """Do nothing if all machines agree on the registry that the settings name.

    Raises:
        BadInput: they do not; or the laptop lacks what the settings say that it has.
    """
    everywhere.once("settings of the registry", _require_agreement)
    _named(inventory, pushes=False)


def _require_agreement() -> None:
    first, *others = inventory
    fields = ["url", *_OF_A_NAMED_ONE]
    if RegistrySettings.of(first).url is not None:
        fields += ["enabled", "mirrors"]
    for other in others:
        for name in fields:
            ours, theirs = (getattr(RegistrySettings.of(each), name) for each in (first, other))
            if ours != theirs:
                raise BadInput(
                    f"registry_{name}: {first.name} has {ours!r} and {other.name} {theirs!r}: it "
                    "is for all machines, put it into group_data/all.py or the environment's file"
                )


def _named(machines: Inventory, *, pushes: bool) -> Access | None:
    """Return how a registry is reached that the settings name; None where they name none."""
    settings = RegistrySettings.of(machines.get_group("masters")[0])
    if settings.url is None or not settings.enabled:
        return None
    own = pushes and settings.push_account is not None
    return named.reached(
        settings.url,
        settings.push_account if own else settings.account,
        PUSH_ACCOUNT if own else ACCOUNT,
        current().store,
        project=settings.project,
        ca=settings.ca,
        mirrors=settings.mirrors,
    )


def machine() -> Host:
    """Return the machine that has the registry.

    Raises:
        WhisklabError: there is none.
    """
    found = server()
    if found is None:
        raise WhisklabError("there is no registry: see registry_enabled, and the group registry")
    return found


def access() -> Access | None:
    """Return how nodes pull from the registry; None without one.

    Raises:
        BadInput: the laptop lacks what the settings say that it has.
        WhisklabError: the laptop lacks its secrets, and its machine cannot be asked.
    """
    found = server()
    if found is None:
        return everywhere.once("named registry", lambda: _named(inventory, pushes=False))
    known, settings = credentials(found), RegistrySettings.of(found)
    return Access(
        f"{bracketed(Machine.of(found).node_address)}:{settings.port}",
        PULLER,
        known.passwords[PULLER],
        known.authority.certificate,
        settings.mirrors,
    )


def pusher(machines: Inventory) -> Access | None:
    """Return how images are pushed; None without a registry.

    Args:
        machines: of the environment; none need be connected.

    Raises:
        BadInput: the laptop lacks a secret.
    """
    found, store = server(machines), current().store
    if found is None:
        return _named(machines, pushes=True)
    password, authority = PASSWORDS[PUSHER], issuer.NAMES[0]
    return Access(
        f"{bracketed(Machine.of(found).node_address)}:{RegistrySettings.of(found).push_port}",
        PUSHER,
        _there(password),
        _there(authority),
        account_file=str(store.path(password)),
        authority_file=str(store.path(authority)),
    )


def _there(name: str) -> str:
    store, environment = current().store, current().name
    found = store.read(name)
    if found is None:
        raise BadInput(
            f"{store.path(name)}: not there: deploy the registry first (`whisklab apply "
            f"{environment} --only base,authority,registry`), or `whisklab adopt {environment}` if "
            "it runs"
        )
    return found


def credentials(machine: Host) -> Credentials:
    """Return the secrets: the laptop's, else those of the running registry, else new ones.

    Args:
        machine: that has the registry, or will have it.

    Raises:
        WhisklabError: the laptop lacks one, and the machine cannot be asked; or the authority
            cannot sign.
    """

    def look() -> Credentials:
        hosts = [machine.name, Machine.of(machine).node_address, "localhost", "127.0.0.1"]
        return chosen(
            current().store, lambda: copies.there(machine, KEPT), issuer.signer(), hosts,
            datetime.now(UTC), CertificateSettings.of(machine).within,
        )  # fmt: skip

    return everywhere.once("registry", look)
