"""Where the authority is on a node. Pure."""

from __future__ import annotations

import re

_BODY = re.compile(r"-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----")
CERTIFICATE = "/usr/local/share/ca-certificates/whisklab.crt"  # update-ca-certificates(8)
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def bodies(certificates: str) -> list[str]:
    """Return what stands between the marks of each certificate (PEM), on one line.

    There are two while an authority takes the place of another one.
    """
    return ["".join(found.split()) for found in _BODY.findall(certificates)]
