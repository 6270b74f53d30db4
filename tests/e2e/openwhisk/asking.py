"""OpenWhisk as a user sees it: wsk on the master, kubectl, curl. None of our own code."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.e2e.cluster.site import Site

SPACE = "openwhisk"
RELEASE = ("openwhisk | Release owdev", "master")
READY = ("openwhisk | Functions can be invoked", "master")
HELLO = """
function main(args) {
  return {payload: "Hello, " + (args.name || "World") + "!"};
}
"""
ECHO = """
def main(args):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": args}
"""
# Made while they are needed, by somebody else than the release.
OF_JOBS = re.compile(r"owdev-(init-couchdb|install-packages)-")


def wsk(site: Site, *arguments: str, check: bool = True) -> str:
    """Run wsk on the master as the ordinary user, with the .wskprops that the deploy wrote."""
    return site.ssh("master", "wsk", *arguments, check=check)


def create(site: Site, name: str, code: str, suffix: str, *options: str) -> None:
    """Create an action from a text."""
    path = f"/tmp/{name.rpartition('/')[2]}{suffix}"
    quoted = code.replace("'", "'\\''")
    site.ssh("master", "sh", "-c", f"printf %s '{quoted}' > {path}")
    wsk(site, "action", "create", name, path, *options)


def invoke(site: Site, name: str, *options: str) -> dict[str, Any]:
    """Invoke an action, return its result."""
    found: dict[str, Any] = json.loads(wsk(site, "action", "invoke", name, "--result", *options))
    return found


def components(site: Site, space: str = SPACE) -> dict[str, tuple[str, int]]:
    """Return uid and restarts of each pod of OpenWhisk itself, not of actions and Jobs."""
    return {
        each["metadata"]["name"]: (
            each["metadata"]["uid"],
            sum(status["restartCount"] for status in each["status"]["containerStatuses"]),
        )
        for each in site.objects("pods", "-n", space)
        if "user-action-pod" not in each["metadata"]["labels"]
        and not OF_JOBS.match(each["metadata"]["name"])
        and "deletionTimestamp" not in each["metadata"]
    }


def revisions(site: Site) -> int:
    """Return how many revisions helm has of the release."""
    helm = "helm --kubeconfig /etc/rancher/k3s/k3s.yaml"
    return len(json.loads(site.root("master", f"{helm} -n {SPACE} history owdev -o json")))


def url(site: Site, path: str) -> str:
    """Return a URL of the API, as its users write it."""
    address = next(each["address"] for each in site.lab["hosts"] if each["name"] == "master")
    return f"https://{address}:31001{path}"


def rest(site: Site, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the API as the guest, for what the lab's wsk has no command."""
    script = (
        'curl -ksS --fail-with-body -u "$(sed -n s/^AUTH=//p ~/.wskprops)" -X "$1" '
        '-H "Content-Type: application/json" -d "$3" "$2"'
    )
    there = url(site, f"/api/v1/namespaces/_/{path}")
    return json.loads(site.ssh("master", "sh", "-c", script, "-", method, there, json.dumps(body)))
