"""What is said of a registry that refuses, by whose it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from whisklab.engine.registries.access import Access

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


def denied(access: Access, asked: str, said: str) -> str:
    """Return the sentence on a right that the account lacks."""
    return (
        f"{_who(access)} does not let {_account(access)} {asked} ({said}): "
        f"{f'{_THEIRS} for that right' if access.theirs else '`whisklab plan` says what differs'}"
    )


def later(access: Access, asked: str, said: str) -> str:
    """Return the sentence on an answer that a later try may not get."""
    return (
        f"{_who(access)}, or what is in front of it, has no time for {asked} ({said}): run again "
        f"later, or {_THEIRS if access.theirs else _OURS}"
    )


def too_large(access: Access, length: int, *, whole: bool) -> str:
    """Return the sentence on a body that is refused for its length, and cannot be shorter."""
    why = ", and it takes no parts" if whole else ""
    return (
        f"what is in front of {_who(access)} refuses a request of {length} bytes (413){why}: "
        "allow it larger ones (nginx: client_max_body_size 0)"
    )


def sick(access: Access, components: Sequence[str]) -> str:
    """Return the sentence on a Harbor that says that it is not well."""
    return (
        f"{_who(access)} (Harbor) is not healthy: {', '.join(components)}: {_THEIRS}, and run again"
    )


def lacking(access: Access, projects: Sequence[str]) -> str:
    """Return the sentence on projects that are not there."""
    named = f"the project {projects[0]}" if len(projects) == 1 else (
        f"the projects {', '.join(projects)}"
    )  # fmt: skip
    return (
        f"{_who(access)} lacks {named}, and {_account(access)} may make none: {_THEIRS} to make "
        "what lacks, with a right to push for the account, or name another in registry_project"
    )


def rightless(access: Access, refused: Mapping[str, str]) -> str:
    """Return the sentence on repositories to which an account may not push.

    Args:
        access: to the registry.
        refused: the repositories, with what it says of each.
    """
    names = ", ".join(f"{access.below}{each}" for each in refused)
    said = ", ".join(dict.fromkeys(refused.values()))
    return (
        f"{_who(access)} does not let {_account(access)} push to {names} ({said}): "
        f"{_THEIRS} to let it pull and push there, or name another in registry_push_account"
    )


def plain_realm(access: Access, realm: str) -> str:
    """Return the sentence on tokens that are given without TLS."""
    return (
        f"{_who(access)} wants the password at {realm}, which is not encrypted: it is not sent; "
        "have its token service answer over https"
    )


def _account(access: Access) -> str:
    return f"the account {access.account}" if access.account else "anybody without an account"
