"""Where the API has objects of a kind."""

from __future__ import annotations

from whisklab.engine.drift.compare import custom
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.objects import Id, Object
from whisklab.errors import WhisklabError

# Built-in kinds whose objects are in no namespace, and those whose plural is irregular.
_WHOLE = {
    "APIService", "ClusterRole", "ClusterRoleBinding", "CSIDriver", "CustomResourceDefinition",
    "IngressClass", "MutatingWebhookConfiguration", "Namespace", "Node", "PersistentVolume",
    "PriorityClass", "RuntimeClass", "StorageClass", "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration", "VolumeSnapshotClass",
}  # fmt: skip
_PLURALS = {"Endpoints": "endpoints", "Ingress": "ingresses", "NetworkPolicy": "networkpolicies",
            "PriorityClass": "priorityclasses", "RuntimeClass": "runtimeclasses",
            "IngressClass": "ingressclasses", "StorageClass": "storageclasses",
            "ValidatingAdmissionPolicy": "validatingadmissionpolicies"}  # fmt: skip


class Kinds:
    """The paths of kinds; those of others than Kubernetes' own are asked for, once each."""

    def __init__(self, api: Client) -> None:
        self._api = api
        self._asked: dict[tuple[str, str], tuple[str, bool]] = {}

    def path(self, wanted: Object, namespace: str) -> str:
        """Return the path of the list that an object is in.

        Args:
            wanted: the object.
            namespace: where it is when it names none.

        Raises:
            WhisklabError: the cluster has no such kind.
        """
        version, kind = str(wanted["apiVersion"]), str(wanted["kind"])
        plural, whole = self._of(version, kind)
        base = f"/{'apis' if '/' in version else 'api'}/{version}"
        space = (wanted.get("metadata") or {}).get("namespace") or namespace
        return f"{base}/{plural}" if whole else f"{base}/namespaces/{space}/{plural}"

    def _of(self, version: str, kind: str) -> tuple[str, bool]:
        if not custom({"apiVersion": version}):
            return _PLURALS.get(kind, f"{kind.lower()}s"), kind in _WHOLE
        if (version, kind) not in self._asked:
            found = self._api.get(f"/apis/{version}") or {}
            for each in found.get("resources") or []:
                if "/" not in each["name"]:
                    self._asked[version, each["kind"]] = (each["name"], not each["namespaced"])
        try:
            return self._asked[version, kind]
        except KeyError:
            raise WhisklabError(f"the cluster has no kind {kind} of {version}") from None


def named(wanted: Object) -> Id:
    """Return what names an object, with its namespace as its manifest has it. Pure."""
    metadata = wanted.get("metadata") or {}
    return Id(wanted["kind"], metadata.get("namespace", ""), metadata["name"])
