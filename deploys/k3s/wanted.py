"""What k3s wants on each machine of the cluster, and what is there now."""

from __future__ import annotations

from collections.abc import Mapping

from pyinfra import host, inventory
from pyinfra.api.host import Host
from pyinfra.api.state import State

from deploys.k3s import images, mirrors, proxied, render, resolving, rolling, token
from deploys.k3s.facts import ForeignFiles, MachineState, OtherVersion
from deploys.k3s.nodes import Replaced, nobody
from deploys.k3s.rolling import Member
from deploys.k3s.settings import K3S, K3sSettings
from deploys.k3s.turns import Turn
from whisklab.engine.artifacts.catalogue import Catalogue, opened
from whisklab.engine.artifacts.entries import Artifact
from whisklab.engine.data.machine import Machine, architecture
from whisklab.engine.facts import asking
from whisklab.engine.facts.everywhere import everywhere
from whisklab.engine.facts.question import Question
from whisklab.engine.kubernetes.kube import Endpoint
from whisklab.engine.registries import registry
from whisklab.engine.resources.desired import Desired, unmet
from whisklab.engine.resources.files import Absent, File, Link
from whisklab.engine.resources.pushing import Pushed
from whisklab.engine.resources.services import Running
from whisklab.engine.resources.units import Service
from whisklab.engine.tls.certificates import Certificates

JUST_STARTED = 300.0  # seconds; by then the cluster knows what became of a machine's pods


def servers() -> list[Host]:
    """Return the servers in inventory order."""
    return list(inventory.get_group("masters"))


def leader() -> Host:
    """Return the first server, which starts the cluster and whose API is used."""
    return servers()[0]


def nodes() -> list[Host]:
    """Return all machines of the cluster, servers first."""
    both = [*servers(), *inventory.get_group("workers", default=[])]
    return list({each.name: each for each in both}.values())


def addresses() -> list[str]:
    """Return the addresses of all machines of the cluster, in its own network."""
    return [Machine.of(each).node_address for each in nodes()]


def api() -> Endpoint:
    """Return where the Kubernetes API is on a server."""
    return Endpoint(render.KUBECONFIG, K3sSettings.of(leader()).https_listen_port)


def is_server(machine: Host) -> bool:
    """Tell whether a machine runs the control plane."""
    return "masters" in machine.groups


def is_node(machine: Host) -> bool:
    """Tell whether a machine is in the cluster."""
    return is_server(machine) or "workers" in machine.groups


def node(machine: Host) -> render.Node:
    """Return what the content of a machine's files depends on."""
    join = render.url(Machine.of(leader()).node_address, api().port)
    data = Machine.of(machine)
    addresses = [Machine.of(each).node_address for each in inventory]
    access = registry.access()
    return render.Node(
        name=machine.name,
        address=data.node_address,
        join=None if machine.name == leader().name else join,
        is_server=is_server(machine),
        interface=data.node_interface,
        api_host=data.api_address.rsplit(":", 1)[0] if data.api_address else None,
        environment=proxied.environment(data, K3sSettings.of(machine), addresses),
        registries=mirrors.registries(K3sSettings.of(machine), access),
        kubelet_args=(render.ON_CGROUP_V1,) if _on_cgroup_v1(machine) else (),
        mirrors_only=data.offline and access is not None,
        dummy_route=K3sSettings.of(machine).dummy_route,
        pulls=not registry.nobody_is_asked(machine),
        resolv_conf=resolving.resolv_conf(machine, server=is_server(machine)),
    )


def _on_cgroup_v1(machine: Host) -> bool:
    return K3sSettings.of(machine).cgroup_v1 and rolling.wants_cgroup_v2(version(machine))


def catalogue(machine: Host) -> Catalogue:
    """Return the catalogue of a machine."""
    data = Machine.of(machine)
    return opened(data.catalogue, data.mirror)


def version(machine: Host) -> str:
    """Return the version of k3s that a machine is to have."""
    return catalogue(machine).version(K3S, K3sSettings.of(machine).version)


def artifacts(machine: Host) -> list[Pushed]:
    """Return the binary, and the images when they are wanted.

    These are k3s's, what the catalogue has, and, without a registry, what a bundle has brought.
    """
    settings = K3sSettings.of(machine)
    found = [Pushed("k3s binary", _artifact(machine, "k3s"), render.BINARY, keep=True)]
    if settings.airgap_images:
        found.append(_images("Images for a closed network", _artifact(machine, "airgap-images")))
        known, kind = catalogue(machine), architecture(machine)
        for product in known.having("images", kind):
            bundle = known.artifact(product, None, "images", kind)
            found.append(_images(f"Images of {product}", bundle))
    return [*found, *images.archives(machine)]


def _images(name: str, bundle: Artifact) -> Pushed:
    return Pushed(name, bundle, f"{render.IMAGES}/{bundle.file_name}", mode="644", keep=True)


def _artifact(machine: Host, name: str) -> Artifact:
    wanted = K3sSettings.of(machine).version
    return catalogue(machine).artifact(K3S, wanted, name, architecture(machine))


def service_wish(machine: Host) -> dict[str, str]:
    """Return what a machine's service must have started from: path to SHA-256."""
    binary = _artifact(machine, "k3s").source.sha256
    return render.wish(node(machine), K3sSettings.of(machine), binary)


def turn(*, drain: bool, replaced: Replaced = nobody) -> Turn:
    """Return the turn of the host at work.

    Args:
        drain: whether its pods are moved away before.
        replaced: tells which pods a drain may end though they have no controller.
    """
    first: Host = leader()
    return Turn(
        leader=first,
        api=api(),
        node=host.name,
        service=node(host).service,
        version=version(host),
        within=K3sSettings.of(host).ready_within,
        drain=drain,
        replaced=replaced,
    )


def files(machine: Host) -> list[Desired]:
    """Return all that is to be on a machine before its service starts, in this order.

    A file has the same place in the list of each machine.
    """
    settings, wanted = K3sSettings.of(machine), node(machine)
    binary, *archives = artifacts(machine)
    return [
        binary,
        *(Link(f"Link {path}", path, render.BINARY) for path in render.LINKS),
        File("Cluster token", render.TOKEN, token.token(servers()), "600", secret=True),
        File("Configuration", render.CONFIG, render.config(wanted, settings), "600",
             secret=render.holds_secrets(settings), secret_lines=render.SECRET_LINES),
        _optional("registries.yaml", render.REGISTRIES, wanted.registries),
        _optional("Registry's CA", render.REGISTRY_CA, mirrors.registry_ca(registry.access())),
        _optional("Name servers", render.NAME_SERVERS, wanted.resolv_conf, is_secret=False),
        _optional("Proxy", wanted.environment_path, wanted.environment),
        File("systemd unit", wanted.unit_path, render.unit(wanted)),
        *archives,
        *images.gone(),
    ]  # fmt: skip


def _optional(name: str, path: str, content: str | None, *, is_secret: bool = True) -> Desired:
    if content is None:
        return Absent(f"No {name[0].lower()}{name[1:]}", path, render.HEADER)
    return File(name, path, content, "600" if is_secret else "644", secret=is_secret)


def members() -> Mapping[str, Member]:
    """Return the machines of the run that are in the cluster, by name in inventory order.

    Each is asked once in a run, by one command, before anything is changed.
    """
    seen = everywhere(K3S, _look)
    found = {each.name: seen.get(each.name) for each in nodes()}
    return {name: member for name, member in found.items() if member}


def _look(_: State, machine: Host) -> Member | None:
    if not is_node(machine):
        return None
    runs = Running(node(machine).service, service_wish(machine))
    binary = _artifact(machine, "k3s").source.sha256
    other = Question.of(OtherVersion, path=render.BINARY, sha256=binary)
    here = Question.of(MachineState, path=render.PASSWORD)
    wanted_node, settings = node(machine), K3sSettings.of(machine)
    read = Question.of(
        ForeignFiles, patterns=render.beside(wanted_node, settings), header=render.HEADER
    )
    ends = Question.of(Certificates, patterns=render.certificates(wanted_node, settings))
    wanted = files(machine)
    questions = [runs.question, other, here, read, ends, *(each.question for each in wanted)]
    answers = asking.ask(machine, questions)
    found = answers.get(runs.question, Service.default())
    about = answers.get(here)
    return Member(
        name=machine.name,
        is_server=is_server(machine),
        pending=bool(unmet(wanted, answers) or runs.why(found)),
        known=found.enabled or found.active == "active",
        active=found.active == "active",
        version=answers.get(other),
        foreign=tuple(answers.get(read, ())),
        certificates=tuple(answers.get(ends, ())),
        anew=bool(about and not about.password),
        started=about.started if about and about.up < JUST_STARTED else None,
    )
