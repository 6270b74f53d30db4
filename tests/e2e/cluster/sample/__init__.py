"""A capability as a developer would add it: a test puts this folder below deploys/."""

from __future__ import annotations

from typing import ClassVar

from pyinfra import host
from pyinfra.api.host import Host
from pyinfra.facts.files import File

from whisklab.engine.data.names import Port
from whisklab.engine.data.settings import Settings
from whisklab.engine.progress import tell as say
from whisklab.engine.resources import files
from whisklab.engine.run import checks
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Capability, Platform, Step, on_leader
from whisklab.engine.run.overview import Line, tell
from whisklab.engine.ssh.forwards import Forward
from whisklab.errors import WhisklabError

PATH = "/etc/whisklab-sample"


class SampleSettings(Settings):
    """A file on each node.

    Attributes:
        text: what is in it.
        port: on which it is said to be served.
    """

    prefix: ClassVar[str] = "sample_"

    text: str = "as it is wished"
    port: Port = 4711


@capability("sample")
def sample() -> None:
    """Have the file."""
    files.content(name="File", path=PATH, content=SampleSettings.of(host).text + "\n")


def ports(platform: Platform) -> dict[int, str]:
    """Return the port on a node, and its service."""
    return {SampleSettings.of(host).port: "sample"} if platform.has(host) else {}


def open_ports(platform: Platform) -> dict[str, str]:
    """Return what a firewall must let in for it."""
    return {f"{port}/tcp": "the sample" for port in ports(platform)}


def forwards(master: Host) -> list[Forward]:
    """Return its port, as a master sees it."""
    return [Forward("sample", "127.0.0.1", SampleSettings.of(master).port)]


def _there(machine: Host) -> bool:
    return bool(machine.get_fact(File, path=PATH))


def status(platform: Platform) -> None:
    """On a node: tell whether the file is there."""

    def look(machine: Host) -> list[Line]:
        return [Line("sample", machine.name, ok=_there(machine), detail=PATH)]

    if platform.has(host):
        tell(name="Sample", topic="sample", work=look)


def verify(platform: Platform) -> None:
    """On a node: the file is there."""

    def look(machine: Host) -> str:
        if not _there(machine):
            raise WhisklabError(f"{PATH} of {machine.name} is not there: deploy again")
        return PATH

    if platform.has(host):
        checks.check(name="Sample", what="the sample is there", work=look)


def adopt(platform: Platform) -> None:
    """On the leader: say so."""
    say(f"the sample of {platform.leader.name} has nothing to take over")


CAPABILITY = Capability(
    settings=[SampleSettings],
    ports=ports,
    open_ports=open_ports,
    forwards=forwards,
    status=status,
    checks=[Step("the sample was tried", verify)],
    adopt=on_leader(adopt),
)
