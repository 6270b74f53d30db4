"""How a registry is reached, whosever it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Access:
    """How a registry is reached, and by which account.

    Attributes:
        address: `host:port`, or `host` for the port of HTTPS; images are called so.
        account: its name, "" for none.
        password: of it.
        authority: the certificate to trust, PEM; None for those that everybody trusts.
        mirrors: the registries in whose place it is asked first.
        project: the path below which all names lie, "" for none.
        theirs: whether it is a registry that the lab had already.
        account_file: where the password is on the laptop, for sentences.
        authority_file: where the certificate is.
    """

    address: str
    account: str
    password: str = field(repr=False)
    authority: str | None
    mirrors: Sequence[str] = ()
    project: str = ""
    theirs: bool = False
    account_file: str = ""
    authority_file: str = ""

    @property
    def url(self) -> str:
        """Without a path."""
        return f"https://{self.address}"

    @property
    def below(self) -> str:
        """What stands before each name there."""
        return f"{self.project}/" if self.project else ""
