"""Helm's records in the cluster, and what else of a release the Kubernetes API must do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pyinfra.api.host import Host

from whisklab.engine import kube, limits
from whisklab.engine.helm.manifests import KEPT, fixed_patch
from whisklab.engine.helm.release import Release, Revision, decode, encode
from whisklab.engine.objects import CLAIM, JOB, POD, STORAGE_CLASS, Id, Object
from whisklab.errors import WhisklabError

NAMES_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
KEEP = {"helm.sh/resource-policy": "keep"}
ALL_RECORDS = "/api/v1/secrets?labelSelector=owner%3Dhelm"
IMMUTABLE = ("field is immutable", "pod updates may not", "are forbidden")  # the API's own words
# What is deleted first where the API refuses to change it.
FIXED = {
    JOB: "/apis/batch/v1/namespaces/{space}/jobs/{name}",
    POD: "/api/v1/namespaces/{space}/pods/{name}",
    STORAGE_CLASS: "/apis/storage.k8s.io/v1/storageclasses/{name}",  # volumes do not need theirs
}
INVALID = 422  # HTTP
POLL = 0.5


@dataclass(frozen=True)
class Cluster:
    """The cluster of one server, as far as a release goes."""

    server: Host
    api: kube.Endpoint

    def call(self, method: str, path: str, body: object = None, **how: Any) -> Any:  # noqa: ANN401
        """Ask its API; see `kube.request`."""
        return kube.request(self.server, self.api, method, path, body, **how)

    def get(self, path: str) -> Any:  # noqa: ANN401
        """Return an object or a list; None when there is none."""
        return kube.get(self.server, self.api, path)

    def latest(self, release: Release, status: str | None = None) -> Revision | None:
        """Return the newest revision of a release (of this status), None when it has none.

        Two small requests: a revision may have hundreds of kilobytes, and there are ten.
        """
        secrets = f"/api/v1/namespaces/{release.namespace}/secrets"
        selector = f"?labelSelector=owner%3Dhelm%2Cname%3D{release.name}"
        if status:
            selector += f"%2Cstatus%3D{status}"
        found = self.call("GET", secrets + selector, accept=NAMES_ONLY)["items"]
        if not found:
            return None
        newest = max(found, key=lambda each: int(each["metadata"]["labels"]["version"]))
        secret = self.get(f"{secrets}/{newest['metadata']['name']}")
        return self.latest(release, status) if secret is None else decode(secret)

    def releases(self) -> dict[tuple[str, str], Revision]:
        """Return the newest revision of each release of the cluster, by namespace and name.

        One small request, and one for each release.
        """
        newest: dict[tuple[str, str], tuple[int, str]] = {}
        for each in self.call("GET", ALL_RECORDS, accept=NAMES_ONLY)["items"]:
            meta = each["metadata"]
            key = (meta["namespace"], meta["labels"]["name"])
            number = int(meta["labels"]["version"])
            newest[key] = max(newest.get(key, (0, "")), (number, meta["name"]))
        found = {
            key: self.get(f"/api/v1/namespaces/{key[0]}/secrets/{secret}")
            for key, (_, secret) in newest.items()
        }
        return {key: decode(secret) for key, secret in found.items() if secret is not None}

    def write(self, release: Release, revision: Revision) -> None:
        """Put a changed revision in the place of the one it was."""
        path = f"/api/v1/namespaces/{release.namespace}/secrets/{revision.secret}"
        self.call("PATCH", path, encode(revision), content_type=kube.MERGE)

    def refuses(self, release: Release, name: Id, before: Object, wanted: Object) -> bool:
        """Tell whether the API refuses to change what is there, because a field is immutable.

        It is asked (a dry run), so that defaults and quantities are compared as it does. The lists
        of a pod hold what the API has added, so they are not replaced by ours.

        Args:
            release: it is of.
            name: of a Job, a Pod or a StorageClass.
            before: as it may have been made.
            wanted: as it should be.
        """
        kind = kube.STRATEGIC if name.kind == POD else kube.MERGE
        patch = fixed_patch(name.kind, before, wanted)
        try:
            self.call("PATCH", f"{_path(release, name)}?dryRun=All", patch, content_type=kind)
        except kube.Refused as error:
            if error.status not in {kube.NOT_FOUND, INVALID}:
                raise
            return error.status == INVALID and any(words in str(error) for words in IMMUTABLE)
        return False

    def delete(self, release: Release, names: Iterable[Id]) -> None:
        """Delete Jobs with their pods, and what else is FIXED, and wait until they are gone.

        Raises:
            WhisklabError: one does not go.
        """
        deadline = time.monotonic() + limits.OBJECT_GONE_WITHIN
        for name in names:
            path = _path(release, name)
            if self.get(path) is not None:
                self.call("DELETE", path, {"propagationPolicy": "Foreground"})
            while self.get(path) is not None:
                if time.monotonic() > deadline:
                    raise WhisklabError(f"{name} of release {release.name} does not go away")
                time.sleep(POLL)

    def keep_claims(self, release: Release, names: Iterable[Id]) -> None:
        """Mark claims, and namespaces with what is in them, so that Helm leaves them."""
        for name in names:
            if name.kind in KEPT:
                path = _kept(release, name)
                if self.get(path) is not None:
                    body = {"metadata": {"annotations": KEEP}}
                    self.call("PATCH", path, body, content_type=kube.MERGE)


def _kept(release: Release, name: Id) -> str:
    if name.kind != CLAIM:
        return f"/api/v1/namespaces/{name.name}"
    space = name.namespace or release.namespace
    return f"/api/v1/namespaces/{space}/persistentvolumeclaims/{name.name}"


def _path(release: Release, name: Id) -> str:
    return FIXED[name.kind].format(space=name.namespace or release.namespace, name=name.name)
