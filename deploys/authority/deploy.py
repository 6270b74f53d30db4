"""The environment's authority on its nodes: what it signs is trusted by every program there."""

from __future__ import annotations

from pyinfra import host

from deploys.authority import operations, render
from whisklab.engine.resources import copies, files
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform
from whisklab.engine.tls import issuer


def adopt(_: Platform) -> None:
    """On the leader: take over the authority."""
    issuer.signer()


@capability("authority")
def install(platform: Platform) -> None:
    """On nodes: have the authority trusted; on the leader also a copy for other laptops."""
    if not platform.has(host):
        return
    signer = issuer.signer()
    if host.name == platform.leader.name:
        copies.kept(
            issuer.KEPT, dict(zip(issuer.NAMES, (signer.certificate, signer.key), strict=True))
        )
    files.content(name="Certificate", path=render.CERTIFICATE, content=signer.certificate)
    operations.trusted(name="Trusted by programs", certificate=signer.certificate)
