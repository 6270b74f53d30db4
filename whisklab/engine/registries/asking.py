"""Asking a registry from a node: what it answers with the account, and without."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from whisklab.engine.data import outbound
from whisklab.engine.data.machine import Machine
from whisklab.engine.registries.access import Access
from whisklab.engine.scripts import script
from whisklab.engine.ssh.remote import run_quietly
from whisklab.errors import WhisklabError

_ROOT = "/v2/"  # of the API; who is known gets an answer there
DENIED, GRANTED, ABSENT = "401", "200", "404"  # HTTP
SILENCE = "000"  # curl's
# The certificate, the account and tokens come on stdin or in files that do not stay: none is in an
# argv. A registry that gives tokens says at its first answer where, and for what.
_ASK = r"""
umask 077; d=$(mktemp -d); trap 'rm -rf "$d"' EXIT
IFS= read -r login; IFS= read -r way; printf '%s\n' "$way" > "$d/way"; cat > "$d/ca"
call() {
  set -- -sS --max-time 10 --proto =https -K "$d/way" "$@"
  test -s "$d/ca" && set -- --cacert "$d/ca" "$@"
  curl "$@"
}
tell() { call -o /dev/null -D "$d/head" -w '%{http_code} ' "$@" 2>&1 | tr '\n' ' '; }
of() { sed -n "s/^www-authenticate: *bearer .*$1=\"\([^\"]*\)\".*/\1/Ip" "$d/head" | head -n 1; }
wanted() {
  call -K - -G --data-urlencode "service=$2" ${3:+--data-urlencode "scope=$3"} --url "$1" |
    tr -d '\n' | sed -n 's/.*"\(access_\)\{0,1\}token" *: *"\([^"]*\)".*/\2/p'
}
with_login() {
  : > "$d/head"; tell --url "$1" > "$d/first"; realm=$(of realm)
  if test -n "$realm"; then
    token=$(printf '%s\n' "$login" | wanted "$realm" "$(of service)" "$(of scope)" 2>/dev/null)
    printf 'header = "Authorization: Bearer %s"\n' "$token" | tell -K - --url "$1"
  else
    printf '%s\n' "$login" | tell -K - --url "$1"
  fi
}
tell --url "$1"; echo; for url; do with_login "$url"; echo; done
"""


def command(*urls: str) -> StringCommand:
    """Return the command that asks; its stdin is `told`."""
    return script(_ASK, *urls)


def told(access: Access, proxy: str | None = None) -> list[str]:
    """Return the lines that the command reads. Pure.

    Args:
        access: to the registry.
        proxy: through which it is asked, None for none.

    Returns:
        The login and the way as curl's configuration has them, the certificate.
    """
    pair = f"{access.account}:{access.password}".replace("\\", "\\\\").replace('"', '\\"')
    login = f'user = "{pair}"' if access.account else ""
    way = 'noproxy = "*"' if proxy is None else f'proxy = "{proxy}"'
    return [login, way, *(access.authority or "").splitlines()]


def answers(node: Host, access: Access, *urls: str) -> list[str]:
    """Return the status of the first URL without the account, then of all with it.

    It is asked the way that k3s goes. Where there is no answer it is 000, after curl's words.

    Raises:
        WhisklabError: the node cannot be asked.
    """
    machine, host = Machine.of(node), urlsplit(access.url).hostname or ""
    # Our own is a machine of the environment: these are reached directly.
    proxy = outbound.proxy(machine.https_proxy, machine.no_proxy, host) if access.theirs else None
    lines = run_quietly(node, command(*urls), stdin=told(access, proxy))
    return [line.strip() for line in lines.splitlines()]


def pulls(access: Access) -> list[str]:
    """Return the URLs that answer who may pull: whether it is known, and what it may. Pure.

    Which images there are does not matter: of one that is not there says 404 who may have it.
    """
    root = access.url + _ROOT
    return [root, f"{root}{access.below}whisklab/tags/list"] if access.project else [root]


def amiss(access: Access, found: Sequence[str]) -> tuple[str, str] | None:
    """Return the first URL of `pulls` that does not answer as to one who may pull, and its answer.

    Pure. The registry itself is named without the API's path.

    Args:
        access: to it.
        found: the answers for `pulls`, without the one to nobody.
    """
    known = {GRANTED} if access.account else {GRANTED, DENIED}
    urls = pulls(access)
    answers = [*found, *[SILENCE] * len(urls)]
    for url, each, good in zip(urls, answers, (known, {GRANTED, ABSENT}), strict=False):
        if each not in good:
            return url.removesuffix(_ROOT), each
    return None


def let_in(node: Host, access: Access) -> None:
    """See that a node may pull, before its k3s is restarted for that.

    Raises:
        WhisklabError: it may not.
    """
    wrong = amiss(access, answers(node, access, *pulls(access))[1:])
    if wrong is not None:
        url, found = wrong
        raise WhisklabError(
            f"{url} {refusal(found, node.name, access.account)}, so its k3s is not restarted for "
            f"it: {remedy(access)}"
        )


def remedy(access: Access) -> str:
    """Return what to look at. Pure."""
    if not access.theirs:
        return (
            "see what is between the two machines, and `journalctl -u whisklab-registry` on the "
            "registry's"
        )
    return (
        "see what is between the two machines, the password in "
        f"{access.account_file}, and whether the account may pull there"
    )


def refusal(found: str, node: str, account: str) -> str:
    """Return what a registry does instead of letting a node in, as half a sentence. Pure.

    Args:
        found: one of `answers`.
        node: its name.
        account: of the registry.
    """
    if found.endswith(SILENCE):
        return f"does not answer {node} ({found.removesuffix(SILENCE).strip()})"
    known = f"with the account {account}" if account else "without an account"
    return f"answers {found} to {node} {known}, expected {GRANTED}"
