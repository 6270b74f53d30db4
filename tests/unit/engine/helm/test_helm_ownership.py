"""Whose an object is that a release cannot have."""

from __future__ import annotations

import pytest

from whisklab.engine.helm.ownership import plainly

# Helm 3.19's own words, of an installation that was tried.
BEGIN = (
    'Unable to continue with install: StorageClass "nfs-client" in namespace "" exists and cannot '
    "be imported into the current release: invalid ownership metadata; "
)
NAME = (
    'annotation validation error: key "meta.helm.sh/release-name" must equal "new": current value '
    'is "old"'
)
SPACE = (
    'annotation validation error: key "meta.helm.sh/release-namespace" must equal "elsewhere": '
    'current value is "nfs-provisioner"'
)
MISSING = (
    'label validation error: missing key "app.kubernetes.io/managed-by": must be set to "Helm"'
)


@pytest.mark.parametrize(
    ("metadata", "means"),
    [
        (SPACE, "StorageClass/nfs-client belongs to release new in namespace nfs-provisioner, "),
        (NAME, "StorageClass/nfs-client belongs to release old, and a release cannot move: "),
        (f"{NAME}; {SPACE}", "belongs to release old in namespace nfs-provisioner, and a release"),
        (MISSING, "StorageClass/nfs-client is there already, and Helm did not make it: "),
    ],
)
def test_whose_it_is(metadata: str, means: str) -> None:
    assert means in plainly(BEGIN + metadata, "new")


def test_an_object_of_a_namespace() -> None:
    message = BEGIN.replace('in namespace ""', 'in namespace "web"')
    assert plainly(message + MISSING, "new").startswith("StorageClass/nfs-client in namespace web ")


def test_other_errors_stay_as_they_are() -> None:
    assert plainly("values don't meet the specifications", "new").startswith("values don't")
