"""k3s: servers and agents. The story; files and content are in render.py."""

from __future__ import annotations

from pathlib import Path

from pyinfra import host, inventory
from pyinfra.api.host import Host

from deploys.k3s import operations, render
from deploys.k3s.settings import K3sSettings
from whisklab.engine import artifacts, files, services
from whisklab.engine.capability import capability
from whisklab.engine.catalogue import Artifact, Catalogue
from whisklab.engine.environment import current
from whisklab.engine.kube import Endpoint
from whisklab.engine.machine import Machine, architecture
from whisklab.engine.secrets import SecretStore
from whisklab.errors import BadInput


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


def api() -> Endpoint:
    """Return where the Kubernetes API is on a server."""
    return Endpoint(render.KUBECONFIG, K3sSettings.of(leader()).https_listen_port)


def is_server() -> bool:
    """Tell whether this host runs the control plane."""
    return "masters" in host.groups


def is_node() -> bool:
    """Tell whether this host is in the cluster."""
    return is_server() or "workers" in host.groups


def ports() -> dict[int, str]:
    """Return the TCP ports on which k3s listens on this host, and its service."""
    if not is_node():
        return {}
    return render.ports(_node(), K3sSettings.of(host))


def open_ports() -> dict[str, str]:
    """Return what a firewall of this host must let in for k3s, and what for."""
    if not is_node():
        return {}
    return render.open_ports(_node(), K3sSettings.of(leader()))


def _node() -> render.Node:
    join = render.url(Machine.of(leader()).node_address, api().port)
    machine = Machine.of(host)
    api_host = machine.api_address.rsplit(":", 1)[0] if machine.api_address else None
    addresses = [Machine.of(each).node_address for each in inventory]
    return render.Node(
        name=host.name,
        address=machine.node_address,
        join=None if host.name == leader().name else join,
        is_server=is_server(),
        api_host=api_host,
        environment=render.environment(machine, K3sSettings.of(host), addresses),
    )


def _artifact(name: str) -> Artifact:
    machine = Machine.of(host)
    catalogue = Catalogue(Path(machine.catalogue), machine.mirror)
    version = K3sSettings.of(host).version
    return catalogue.artifact("k3s", version, name, architecture(host))


def _images_path(bundle: Artifact) -> str:
    return f"{render.IMAGES}/{bundle.file_name}"


def check() -> None:
    """Check what concerns several hosts at once.

    Raises:
        BadInput: two servers disagree on the cluster.
    """
    first, *others = servers()
    for other in others:
        if K3sSettings.of(other) != K3sSettings.of(first):
            raise BadInput(
                f"{first.name} and {other.name} have different k3s_ settings: all servers of a "
                "cluster must agree, put them into group_data/masters.py"
            )


@capability("k3s", "fetch")
def fetch() -> None:
    """Have everything on the laptop before any host is changed."""
    artifacts.fetched(name="k3s in the cache", artifact=_artifact("k3s"), path=render.BINARY)
    if K3sSettings.of(host).airgap_images:
        bundle = _artifact("airgap-images")
        artifacts.fetched(name="Images in the cache", artifact=bundle, path=_images_path(bundle))


@capability("k3s", "files")
def install() -> None:
    """Put binary, token, configuration and unit on a node; nothing is started."""
    settings, node = K3sSettings.of(host), _node()
    artifacts.pushed(name="k3s binary", artifact=_artifact("k3s"), path=render.BINARY)
    for path in render.LINKS:
        files.link(name=f"Link {path}", path=path, target=render.BINARY)
    if settings.airgap_images:
        bundle = _artifact("airgap-images")
        artifacts.pushed(
            name="Images for a closed network",
            artifact=bundle,
            path=_images_path(bundle),
            mode="644",
        )
    token = SecretStore(current().secrets).get_or_create("k3s_token")
    files.content(name="Cluster token", path=render.TOKEN, content=token, mode="600", secret=True)
    files.content(
        name="Configuration",
        path=render.CONFIG,
        content=render.config(node, settings),
        mode="600",
        secret=render.holds_secrets(settings),
    )
    registries = render.registries(settings)
    if registries is None:
        files.absent(name="No registries.yaml", path=render.REGISTRIES, header=render.HEADER)
    else:
        files.content(
            name="registries.yaml",
            path=render.REGISTRIES,
            content=registries,
            mode="600",
            secret=True,
        )
    if node.environment is None:
        files.absent(name="No proxy", path=node.environment_path, header=render.HEADER)
    else:
        files.content(
            name="Proxy",
            path=node.environment_path,
            content=node.environment,
            mode="600",
            secret=True,
        )
    files.content(name="systemd unit", path=node.unit_path, content=render.unit(node, settings))


@capability("k3s", "service")
def start() -> None:
    """Have the service of this node running from just these files."""
    node = _node()
    wish = render.wish(node, K3sSettings.of(host), _artifact("k3s").source.sha256)
    services.running(
        name=f"Service {node.service}",
        service=node.service,
        wish=wish,
        configuration=sorted(set(wish) - {render.BINARY}),
        health_url=render.KUBELET_HEALTH,
    )


@capability("k3s", "cluster")
def ready() -> None:
    """On the leader: wait until all nodes are Ready, save the kubeconfig on the laptop."""
    settings, machine = K3sSettings.of(host), Machine.of(host)
    operations.nodes_ready(
        name="All nodes are Ready", names=[each.name for each in nodes()], api=api()
    )
    operations.kubeconfig_saved(
        name="Kubeconfig on the laptop",
        server=machine.api_address or render.url(machine.node_address, api().port).split("//")[1],
        merge=settings.merge_kubeconfig,
    )
