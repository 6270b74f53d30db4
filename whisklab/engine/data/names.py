"""Types of settings that several capabilities have: ports, and names as Kubernetes wants them."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST, LONGEST_RELEASE = 63, 53  # of a DNS label, and what Helm allows for a release
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def _name(value: str) -> str:
    if not _LABEL.fullmatch(value) or len(value) > LONGEST:
        raise ValueError("expected a Kubernetes name such as nfs-client: lower case, digits, -")
    return value


def _release_name(value: str) -> str:
    if not _LABEL.fullmatch(value) or len(value) > LONGEST_RELEASE:
        raise ValueError("expected a name such as my-app: lower case, digits, -, at most 53")
    return value


def _reachable(value: str) -> str:
    wanted = "a name or an address that other machines reach, such as 10.0.0.11 or ow.example.org"
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        labels = value.removesuffix(".").split(".")
        well = all(_LABEL.fullmatch(each.lower()) and len(each) <= LONGEST for each in labels)
        if not well or labels[-1].isdigit() or labels[-1].lower() == "localhost":
            raise ValueError(f"expected {wanted}, without scheme and port") from None
        return value
    if address.is_loopback or address.is_unspecified:
        raise ValueError(f"expected {wanted}")
    return value


ReachableHost = Annotated[str, AfterValidator(_reachable)]
Name = Annotated[str, AfterValidator(_name)]
ReleaseName = Annotated[str, AfterValidator(_release_name)]
Port = Annotated[int, Field(ge=1, le=65535)]
# HTTP's login by name and password ends the name with a colon (RFC 7617).
Account = Annotated[str, Field(pattern=r"^[^:\s\x00-\x1f\x7f]+$")]
