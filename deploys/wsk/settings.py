"""What `wsk` reads from the data."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from whisklab.engine.settings import Settings

KEY = re.compile(r"[0-9a-f-]{36}:\w{64}")
# The guest's key of every OpenWhisk that keeps its chart's defaults; it is public.
GUEST = (
    "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:"
    "123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP"
)


def _key(value: str) -> str:
    if not KEY.fullmatch(value):
        raise ValueError("expected an OpenWhisk key: a UUID, a colon, 64 letters and digits")
    return value


class WskSettings(Settings):
    """The OpenWhisk CLI on the servers, configured for the user who deploys and for root.

    Attributes:
        version: such as 1.2.0; None takes the catalogue's default.
        api_host: `host:port` of OpenWhisk's API; None: the first server, at `api_port`.
        api_port: where OpenWhisk's API is on a server.
        auth: the key of the namespace that it works in.
    """

    prefix: ClassVar[str] = "wsk_"

    version: str | None = None
    api_host: str | None = None
    api_port: Annotated[int, Field(ge=1, le=65535)] = 31001
    auth: Annotated[str, AfterValidator(_key), Field(repr=False)] = GUEST
