"""What `wsk` reads from the data."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from whisklab.engine.data.settings import Settings

KEY = re.compile(r"[0-9a-f-]{36}:\w{64}")


def _key(value: str) -> str:
    if not KEY.fullmatch(value):
        raise ValueError("expected an OpenWhisk key: a UUID, a colon, 64 letters and digits")
    return value


class WskSettings(Settings):
    """wsk, the OpenWhisk CLI, on the masters: for the user who logs in, and for root.

    Attributes:
        version: such as "1.2.0"; None takes the catalogue's default.
        api_host: `host:port` of OpenWhisk's API; None: the one of this environment.
        auth: the key of the namespace that it works in; None: OpenWhisk's guest key.
    """

    prefix: ClassVar[str] = "wsk_"

    version: str | None = None
    api_host: str | None = None
    auth: Annotated[Annotated[str, AfterValidator(_key)] | None, Field(repr=False)] = None
