"""What to do when a host lets nobody in."""

from __future__ import annotations


def remedy(
    problem: str, *, host: str, address: str, user: str | None, known_hosts: str | None
) -> str:
    """Return one sentence on why a host could not be connected, and what to do. Pure.

    Args:
        problem: as paramiko or the system tell it.
        host: its name in the inventory.
        address: as ssh-keygen and ssh-keyscan know it, `[NAME]:PORT` for another port than 22.
        user: who logs in.
        known_hosts: the file with the host keys, None for the user's own.
    """
    known, lower = known_hosts or "~/.ssh/known_hosts", problem.lower()
    if "does not match" in lower or "bad host key" in lower:
        return (
            f"{host} ({address}) shows another host key than {known}: find out why before "
            f"you trust it; `ssh-keygen -f {known} -R '{address}'` forgets the old one"
        )
    if "host key" in lower and ("no host key" in lower or "not found" in lower):
        return (
            f"{host} ({address}) has no host key in {known}: compare its fingerprint with "
            "the host's, then add the line of `ssh-keyscan` to that file"
        )
    if "private key" in lower:
        return f"{host}: ssh_key in the inventory: {problem}"
    if "authentication" in lower:
        return (
            f"{host} ({address}) refused the login of {user}: check "
            "ssh_user and ssh_key in the inventory, and authorized_keys on the host"
        )
    return f"{host} ({address}) does not answer: {problem}; start it, or leave it out with --limit"
