"""The client of a cluster that everything else uses: few verbs over `kube.request`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyinfra.api.host import Host

from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.objects import Object

NODES, PODS = "/api/v1/nodes", "/api/v1/pods"  # of the whole cluster
FOREGROUND = {"propagationPolicy": "Foreground"}  # gone only when what it controls is, too
_DRY_RUN = "?dryRun=All&fieldManager=whisklab"


@dataclass(frozen=True)
class Client:
    """The API of a server. All of it raises as `kube.request` does.

    Attributes:
        server: through whose connection it is asked.
        endpoint: of it.
    """

    server: Host
    endpoint: kube.Endpoint

    def ask(self, method: str, path: str, body: object = None, **how: Any) -> Any:  # noqa: ANN401
        """Return what it answers to any request; see `kube.request`."""
        return kube.request(self.server, self.endpoint, method, path, body, **how)

    def get(self, path: str) -> Any:  # noqa: ANN401
        """Return an object or a list; None when there is none."""
        try:
            return self.ask("GET", path)
        except kube.Refused as error:
            if error.status == kube.NOT_FOUND:
                return None
            raise

    def items(self, path: str, **how: Any) -> list[Object]:  # noqa: ANN401
        """Return the objects of a list; an empty one may be null, as that of bare metadata is.

        Raises:
            Unreachable: what answers is no list of objects.
        """
        found = self.ask("GET", path, **how)
        items = found.get("items", "none") if isinstance(found, dict) else "none"
        items = [] if items is None else items
        if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
            raise kube.Unreachable(
                f"what the Kubernetes API of {self.server.name} answers is no list of objects: "
                f"{path.partition('?')[0]}"
            )
        return items

    def text(self, path: str) -> str:
        """Return what is no JSON, such as a log."""
        return str(self.ask("GET", path, accept="*/*"))

    def create(self, path: str, body: object) -> Any:  # noqa: ANN401
        """Make an object in a list; Refused (409) when it is there."""
        return self.ask("POST", path, body)

    def merge(self, path: str, body: object) -> Any:  # noqa: ANN401
        """Change an object by a JSON merge patch, and return it."""
        return self.patch(path, body, kube.MERGE)

    def patch(self, path: str, body: object, kind: str) -> Any:  # noqa: ANN401
        """Change an object by a patch of a kind (MERGE, STRATEGIC), and return it."""
        return self.ask("PATCH", path, body, content_type=kind)

    def tried(self, path: str, body: object, kind: str) -> Any:  # noqa: ANN401
        """Return an object as a patch would make it; nothing is changed."""
        return self.patch(path + _DRY_RUN, body, kind)

    def delete(self, path: str, options: object = None) -> bool:
        """Delete an object; returns whether it was there.

        Args:
            path: of it.
            options: such as FOREGROUND.
        """
        try:
            self.ask("DELETE", path, options)
        except kube.Refused as error:
            if error.status != kube.NOT_FOUND:
                raise
            return False
        return True
