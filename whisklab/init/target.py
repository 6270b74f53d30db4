"""A machine as it is given to `whisklab init`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from whisklab.engine.data.names import Name
from whisklab.errors import BadInput

_FORM = re.compile(
    r"(?:(?P<name>[^=@\[\]:]+)=)?"
    r"(?:(?P<user>[^@\[\]:=]+)@)?"
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?)\]|(?P<host>[A-Za-z0-9][A-Za-z0-9._-]*))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_PORTS = range(1, 65536)


@dataclass(frozen=True)
class Target:
    """Where a machine is, as ssh has it.

    Attributes:
        host: an address, a name, or an alias of the ssh_config.
        user: who logs in, None for whom the ssh_config names.
        port: of its sshd, likewise.
        name: what it shall be called, None for its own host name.
    """

    host: str
    user: str | None = None
    port: int | None = None
    name: str | None = None


def target(given: str) -> Target:
    """Return what `[NAME=][USER@]HOST[:PORT]` means. Pure.

    Raises:
        BadInput: it has another form.
    """
    found = _FORM.fullmatch(given)
    port = int(found["port"]) if found and found["port"] else None
    if found is None or (port is not None and port not in _PORTS):
        raise BadInput(
            f"{given}: expected [NAME=][USER@]HOST[:PORT], such as 192.0.2.11 or "
            "worker1=ubuntu@host.example.org:2222; an IPv6 address in brackets"
        )
    name = found["name"]
    if name is not None:
        check_name(name, given)
    return Target(found["six"] or found["host"], found["user"], port, name)


def check_name(name: str, given: str) -> None:
    """See that a machine may be called so: its node in Kubernetes is.

    Raises:
        BadInput: it may not.
    """
    try:
        TypeAdapter[str](Name).validate_python(name)
    except ValidationError as error:
        raise BadInput(
            f"{given}: the machine cannot be called {name}: expected lower case letters, digits "
            f"and -, at most 63; give it another name by NAME={given.rpartition('=')[2]}"
        ) from error
