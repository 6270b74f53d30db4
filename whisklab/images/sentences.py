"""What is said of a registry that refuses, by whose it is. Pure."""

from __future__ import annotations

from whisklab.engine.access import Access

_OURS = "see `systemctl status whisklab-registry-push` on its machine"
_THEIRS = "ask those who run it"


def _who(access: Access) -> str:
    return f"the registry at {access.url}"


def silent(access: Access) -> str:
    """Return the sentence on a registry that does not answer."""
    remedy = f"{_THEIRS}, or see registry_url" if access.theirs else _OURS
    return f"{_who(access)} does not answer: {remedy}, and run again"


def distrusted(access: Access, why: str) -> str:
    """Return the sentence on a certificate that is not trusted."""
    if not access.theirs:
        return (
            f"{_who(access)} shows a certificate that is not of the authority in "
            f"{access.authority_file} ({why}): `whisklab plan` says what is different; is it the "
            "right environment?"
        )
    trusted = access.authority_file or "among those that this machine trusts"
    return (
        f"{_who(access)} shows a certificate that is refused ({why}; its authority must be "
        f"{trusted}): name its authority in registry_ca, or {_THEIRS} for another certificate"
    )


def unknown(access: Access) -> str:
    """Return the sentence on a login that is refused."""
    if not access.account:
        return f"{_who(access)} lets nobody in without an account: name one in registry_account"
    known = f"does not know the account {access.account} with the password in {access.account_file}"
    remedy = "put the right one there" + ("" if access.theirs else ", or `whisklab apply`")
    return f"{_who(access)} {known}: {remedy}"


def full(access: Access) -> str:
    """Return the sentence on a full disk."""
    remedy = f"{_THEIRS} for room" if access.theirs else (
        "make room there, such as by `whisklab images gc`"
    )  # fmt: skip
    return f"the disk of the registry at {access.url} is full: {remedy}, and run again"


def refused(access: Access, asked: str, said: str) -> str:
    """Return the sentence on any other refusal."""
    return f"{_who(access)} refuses {asked}: {said}"
