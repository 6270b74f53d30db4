"""Helm's records in the cluster, and what else of a release the Kubernetes API must do."""

from __future__ import annotations

from collections.abc import Iterable

from whisklab.engine import limits
from whisklab.engine.helm.manifests import KEPT, fixed_patch
from whisklab.engine.helm.release import Release, Revision, decode, encode, number
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import FOREGROUND, Client
from whisklab.engine.kubernetes.objects import CLAIM, JOB, POD, STORAGE_CLASS, Id, Object
from whisklab.engine.kubernetes.waiting import gone

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
REMEDY = "see what keeps it, such as its pods or finalizers, and run again"


class Cluster(Client):
    """The cluster of one server, with what it has of releases."""

    def latest(
        self, release: Release, status: str | None = None, *, anew: bool = False
    ) -> Revision | None:
        """Return the newest revision of a release (of this status), None when it has none.

        Two small requests: a revision may have hundreds of kilobytes, and there are ten.

        Args:
            release: which.
            status: such as deployed; None for any.
            anew: not as the run knows it, but as it is.
        """
        secrets = f"/api/v1/namespaces/{release.namespace}/secrets"
        selector = f"?labelSelector=owner%3Dhelm%2Cname%3D{release.name}"
        if status:
            selector += f"%2Cstatus%3D{status}"
        found = self.items(secrets + selector, accept=NAMES_ONLY, anew=anew)
        if not found:
            return None
        newest = max(found, key=number)
        secret = self.get(f"{secrets}/{newest['metadata']['name']}")
        # One that is gone meanwhile was removed for a newer one.
        return self.latest(release, status, anew=True) if secret is None else decode(secret)

    def releases(self) -> dict[tuple[str, str], Revision]:
        """Return the newest revision of each release of the cluster, by namespace and name.

        One small request, and one for each release.
        """
        newest: dict[tuple[str, str], tuple[int, str]] = {}
        for each in self.items(ALL_RECORDS, accept=NAMES_ONLY):
            meta = each["metadata"]
            key = (meta["namespace"], meta["labels"]["name"])
            newest[key] = max(newest.get(key, (0, "")), (number(each), meta["name"]))
        found = {
            key: self.get(f"/api/v1/namespaces/{key[0]}/secrets/{secret}")
            for key, (_, secret) in newest.items()
        }
        return {key: decode(secret) for key, secret in found.items() if secret is not None}

    def write(self, release: Release, revision: Revision) -> None:
        """Put a changed revision in the place of the one it was."""
        path = f"/api/v1/namespaces/{release.namespace}/secrets/{revision.secret}"
        self.merge(path, encode(revision))

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
            self.tried(_path(release, name), patch, kind)
        except kube.Refused as error:
            if error.status not in {kube.NOT_FOUND, kube.INVALID}:
                raise
            return error.status == kube.INVALID and any(words in str(error) for words in IMMUTABLE)
        return False

    def remove(self, release: Release, names: Iterable[Id]) -> None:
        """Delete Jobs with their pods, and what else is FIXED, and wait until they are gone.

        Raises:
            WhisklabError: one does not go.
        """
        there = {_path(release, name): f"{name} of release {release.name}" for name in names}
        for path in there:
            self.delete(path, FOREGROUND)
        if there:
            gone(self, there, limits.OBJECT_GONE_WITHIN, REMEDY)

    def keep_claims(self, release: Release, names: Iterable[Id]) -> None:
        """Mark claims, and namespaces with what is in them, so that Helm leaves them."""
        for name in names:
            if name.kind in KEPT:
                path = _kept(release, name)
                if self.get(path) is not None:
                    self.merge(path, {"metadata": {"annotations": KEEP}})


def _kept(release: Release, name: Id) -> str:
    if name.kind != CLAIM:
        return f"/api/v1/namespaces/{name.name}"
    space = name.namespace or release.namespace
    return f"/api/v1/namespaces/{space}/persistentvolumeclaims/{name.name}"


def _path(release: Release, name: Id) -> str:
    return FIXED[name.kind].format(space=name.namespace or release.namespace, name=name.name)
