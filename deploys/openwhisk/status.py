"""How far OpenWhisk is, and where it is reached."""

from __future__ import annotations

from collections.abc import Sequence

from pyinfra import host
from pyinfra.api.host import Host

from deploys.openwhisk import waiting
from deploys.openwhisk.deploy import api_host
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.stages import Progress
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
from whisklab.engine.run.environment import current
from whisklab.engine.run.overview import Line, tell

OPENWHISK = "openwhisk"


@capability("openwhisk", "status")
def status(platform: Platform) -> None:
    """On the leader: tell each stage of the installation, and the URL of the API."""
    settings = OpenWhiskSettings.of(host)
    if not settings.enabled:
        return

    def stages(leader: Host) -> list[Line]:
        return lines(waiting.look(Client(leader, platform.api), settings))

    def url(leader: Host) -> list[Line]:
        there = f"https://{api_host(leader)}"
        how = f"whisklab forward {current().name}"
        detail = f"{there}; from elsewhere by `{how}`"
        return [
            Line("urls", OPENWHISK, ok=True, detail=detail, data={"url": there, "forward": how})
        ]

    tell(name="Stages of OpenWhisk", topic=OPENWHISK, work=stages)
    tell(name="OpenWhisk's API", topic="urls", work=url)


def lines(found: Sequence[Progress]) -> list[Line]:
    """Return a line for each stage. Pure."""
    return [
        Line(
            OPENWHISK, each.stage.name, ok=each.reached, detail=each.why or "reached",
            data={"why": each.why},
        )
        for each in found
    ]  # fmt: skip
