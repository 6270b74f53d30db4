"""How one is known to a registry."""

from __future__ import annotations

import base64

from whisklab.engine.access import Access


def basic(access: Access) -> dict[str, str]:
    """Return the header of a login by name and password. Pure."""
    pair = base64.b64encode(f"{access.account}:{access.password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}
