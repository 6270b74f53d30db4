"""Operations of `authority`."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import StringCommand

from deploys.authority.facts import Trusted
from whisklab.engine.reasons import because


@operation()
def trusted(certificate: str) -> Generator[StringCommand]:
    """Have the file that programs read made anew when it lacks the authority."""
    if not host.get_fact(Trusted, certificate=certificate):
        because("what programs trust was not made of this authority")
        yield StringCommand("update-ca-certificates", ">", "/dev/null")
