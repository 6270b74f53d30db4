"""The Kubernetes API, as a pod with a service account finds it."""

from __future__ import annotations

import ssl
from pathlib import Path

from openwhisk_standin.calls import Answer, Caller
from openwhisk_standin.values import Doc, setting

_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Cluster:
    """The API for objects of the pod's own namespace."""

    def __init__(self, caller: Caller, account: Path) -> None:
        """Take what calls the API, and the directory of a service account."""
        self._caller = caller
        self._token = account / "token"
        self._namespace = f"/api/v1/namespaces/{(account / 'namespace').read_text().strip()}"

    @classmethod
    def of_this_pod(cls) -> Cluster:
        """Return the API as this pod finds it.

        Raises:
            BadSetting: this is no pod.
        """
        host, port = setting("KUBERNETES_SERVICE_HOST"), setting("KUBERNETES_SERVICE_PORT", "443")
        tls = ssl.create_default_context(cafile=_ACCOUNT / "ca.crt")
        return cls(Caller(f"https://{in_url(host)}:{port}", tls=tls), _ACCOUNT)

    def call(self, method: str, path: str, body: Doc | None = None) -> Answer:
        """Call the API below the namespace, such as ``/pods/NAME``.

        Raises:
            Unreachable: it does not answer.
        """
        # Tokens are renewed in their file while the pod runs.
        key = {"Authorization": f"Bearer {self._token.read_text().strip()}"}
        return self._caller.call(method, self._namespace + path, body, headers=key)


def in_url(address: str) -> str:
    """Return an address as a URL has it: of version 6 in brackets."""
    return f"[{address}]" if ":" in address else address


def reason(answer: Answer) -> str:
    """Return why the API refused."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {answer.status}"
