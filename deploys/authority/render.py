"""Where the authority is on a node. Pure."""

from __future__ import annotations

CERTIFICATE = "/usr/local/share/ca-certificates/whisklab.crt"  # update-ca-certificates(8)
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def body(certificate: str) -> str:
    """Return what stands between the marks of a certificate (PEM), on one line."""
    return "".join(line for line in certificate.split("\n") if "-----" not in line)
