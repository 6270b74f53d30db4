"""What every machine needs before anything runs on it."""

from __future__ import annotations

from pyinfra import host, inventory
from pyinfra.operations import server

from deploys.base import operations, render
from deploys.base.settings import BaseSettings
from whisklab.engine.data.machine import Machine
from whisklab.engine.facts.everywhere import once
from whisklab.engine.resources import blocks, files, packages
from whisklab.engine.resources.paths import Text
from whisklab.engine.run.capability import capability


@capability("base", "fetch")
def fetch() -> None:
    """In a closed network: have its packages on the laptop before any host is changed."""
    packages.ahead(BaseSettings.of(host).packages)


@capability("base")
def base() -> None:
    """Packages, kernel modules and settings, the host's name, the names of its peers."""
    settings = BaseSettings.of(host)
    server.hostname(name="Host name", hostname=host.name)
    named = once("lines of /etc/hosts", _hosts_lines) if settings.hosts_entries else []
    blocks.block(
        name="Names of all machines in /etc/hosts",
        path=render.HOSTS,
        marker="whisklab",
        lines=named,
    )
    template = render.hosts_template(host.get_fact(Text, path=render.HOSTS))
    if template and host.get_fact(Text, path=template):  # else it makes the file of nothing
        blocks.block(
            name="Names of all machines in what cloud-init makes /etc/hosts of",
            path=template,
            marker="whisklab",
            lines=named,
        )
    packages.installed(name="Packages", names=settings.packages)
    files.content(
        name="Kernel modules at each start",
        path="/etc/modules-load.d/whisklab.conf",
        content=render.modules_file(settings.modules),
    )
    operations.modules_loaded(name="Kernel modules now", names=settings.modules)
    files.content(
        name="networkd leaves others' routes",
        path="/etc/systemd/networkd.conf.d/whisklab.conf",
        content=render.networkd_file(),
    )
    files.content(
        name="Kernel settings at each start",
        path="/etc/sysctl.d/90-whisklab.conf",
        content=render.sysctl_file(settings.sysctl),
    )
    operations.sysctl(name="Kernel settings now", wanted=settings.sysctl)
    if settings.updates:
        operations.unsilenced(name="The system looks for updates", services=render.UPDATERS)
    else:
        operations.silenced(name="The system looks for no updates", services=render.UPDATERS)


def _hosts_lines() -> list[str]:
    return render.hosts_lines({each.name: Machine.of(each).node_address for each in inventory})
