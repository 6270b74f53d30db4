"""What to do when a host lets nobody in."""

from __future__ import annotations

from collections.abc import Sequence

from whisklab import local_network


def remedy(
    problem: str,
    *,
    host: str,
    address: str,
    user: str | None,
    known_hosts: str | None,
    way: str = "",
) -> str:
    """Return one sentence on why a host could not be connected, and what to do. Pure.

    Args:
        problem: as paramiko or the system tell it.
        host: its name in the inventory.
        address: as ssh-keygen and ssh-keyscan know it, `[NAME]:PORT` for another port than 22.
        user: who logs in.
        known_hosts: the file with the host keys, None for the user's own.
        way: what was said on the way, by the ssh that goes to its jump hosts.
    """
    where, known = f"{host} ({address})", known_hosts or "~/.ssh/known_hosts"
    if refused := _host_key(problem, where, address, known) or _login(problem, host, where, user):
        return refused
    if "open failed" in way:  # the jump host is well, and says that this one is not
        problem = way
    elif way:
        return (
            f"{where} is not reached through its jump host: {way}; a login there by "
            "`ssh` must work without a question (its host key known, the key in the agent)"
        )
    elif local_network.is_refused(None, problem):
        problem = f"{problem}; or {local_network.REFUSED}"
    return f"{where} does not answer: {problem}; start it, or leave it out with --limit"


def _host_key(problem: str, where: str, address: str, known: str) -> str | None:
    lower = problem.lower()
    if any(each in lower for each in ("does not match", "bad host key", "no acceptable host key")):
        return (
            f"{where} shows another host key than {known}: find out why before "
            f"you trust it; `ssh-keygen -f {known} -R '{address}'` forgets the old one"
        )
    if "host key" in lower and ("no host key" in lower or "not found" in lower):
        return (
            f"{where} has no host key in {known}: compare its fingerprint with "
            "the host's, then add the line of `ssh-keyscan` to that file"
        )
    return None


def _login(problem: str, host: str, where: str, user: str | None) -> str | None:
    lower = problem.lower()
    if "private key" in lower:
        return f"{host}: ssh_key in the inventory: {problem}"
    if "no existing session" in lower or "too many authentication" in lower:
        return (
            f"{where} closed the connection while {user} logged in: of many keys, those "
            "of your agent, sshd takes a few (MaxAuthTries), so name the right one as ssh_key in "
            "the inventory (`whisklab init --key`); if it has one, see sshd's log there"
        )
    if "authentication" in lower:
        return (
            f"{where} refused the login of {user}: check "
            "ssh_user and ssh_key in the inventory, and on the host authorized_keys and that the "
            "user's login shell exists"
        )
    return None


def locked_key(path: str) -> str:
    """Return what is wrong with a key that needs a passphrase. Pure.

    Args:
        path: of the key.
    """
    return (
        f"the private key {path} needs a passphrase, and no ssh-agent has it unlocked: run "
        f"`ssh-add {path}` (after `eval $(ssh-agent)`, if there is no agent)"
    )


def no_shell(host: str, user: str, said: Sequence[str]) -> str:
    """Return one sentence on a login that runs no command. Pure.

    Args:
        host: its name in the inventory.
        user: who logs in.
        said: what came back.
    """
    words = f" (it says: {' '.join(said).strip()})" if any(said) else ""
    return (
        f"{host} lets {user} in, but the login shell runs no command{words}: give {user} a shell "
        "such as /bin/bash there (`usermod -s`), and see that its login scripts do not end it"
    )


def no_sh(host: str, said: Sequence[str]) -> str:
    """Return one sentence on a host that starts no sh, though sudo lets us. Pure.

    Args:
        host: its name in the inventory.
        said: on stderr.
    """
    words = f" (it says: {' '.join(said).strip()})" if any(said) else ""
    return f"{host} starts no `sh` for its commands{words}: see what /bin/sh is there"


def no_sudo(host: str, user: str, said: Sequence[str], file: str) -> str:
    """Return one sentence on a sudo that refuses. Pure.

    Args:
        host: its name in the inventory.
        user: who logs in.
        said: by sudo, or by the shell that looked for it.
        file: where its password could be.
    """
    words = " ".join(said).strip()
    if "not found" in words or "Permission denied" in words:
        return (
            f"{host} has no sudo that {user} can run ({words}): install it there; runs use it for "
            "root, too"
        )
    if "not allowed" in words:
        return (
            f"sudo on {host} lets {user} run some programs only ({words}): a deploy runs sh, so "
            f"allow {user} ALL there"
        )
    return (
        f"sudo on {host} refuses {user} ({words}): allow it there without a password, or write the "
        f"password to {file} (mode 0600)"
    )
