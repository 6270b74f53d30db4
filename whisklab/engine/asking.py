"""Asking a registry from a node: what it answers with the account, and without."""

from __future__ import annotations

from pyinfra.api.host import Host

from whisklab.engine.access import Access
from whisklab.engine.files import script
from whisklab.engine.remote import run_quietly
from whisklab.errors import WhisklabError

DENIED, GRANTED = "401", "200"  # HTTP
SILENCE = "000"  # curl's
# The certificate and the account come on stdin: neither is in an argv, nor stays.
_ASK = """
ca=$(mktemp); trap 'rm -f "$ca"' EXIT; IFS= read -r account; cat > "$ca"
ask() {
  curl -sS -o /dev/null -w '%{http_code} ' --max-time 10 --cacert "$ca" "$@" 2>&1 | tr '\\n' ' '
  echo
}
ask "$1"
for url; do printf 'user = "%s"\\n' "$account" | ask -K - "$url"; done
"""


def answers(node: Host, access: Access, *urls: str) -> list[str]:
    """Return the status of the first URL without the account, then of all with it.

    Where there is no answer it is 000, after curl's words on why.

    Raises:
        WhisklabError: the node cannot be asked.
    """
    told = [f"{access.account}:{access.password}", *(access.authority or "").splitlines()]
    roots = [f"{url}/v2/" for url in urls]
    lines = run_quietly(node, script(_ASK, *roots), stdin=told)
    return [line.strip() for line in lines.splitlines()]


def let_in(node: Host, access: Access) -> None:
    """See that a node may pull, before its k3s is restarted for that.

    Raises:
        WhisklabError: it may not.
    """
    url = f"https://{access.address}"
    found = answers(node, access, url)
    if found[1:] != [GRANTED]:
        raise WhisklabError(
            f"{url} {refusal(found[-1], node.name, access.account)}, so its k3s is not restarted "
            "for it: see what is between the two machines, and `journalctl -u whisklab-registry` "
            "on the registry's"
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
    return f"answers {found} to {node} with the account {account}, expected {GRANTED}"
