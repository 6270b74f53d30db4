"""How one is known to a registry."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Basic:
    """A login by name and password.

    Attributes:
        account: its name.
        password: of it.
        source: where the password comes from, for sentences.
    """

    account: str
    password: str = field(repr=False)
    source: str

    def headers(self) -> dict[str, str]:
        """Return what goes with each request."""
        pair = base64.b64encode(f"{self.account}:{self.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
