"""Which archives of images a node is to have, and which no more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploys.k3s import images
from whisklab.engine.artifacts.node_images import Archive, NodeImage, NodeImages
from whisklab.engine.registries import registry as registries
from whisklab.engine.resources.pushing import Gone, Pushed
from whisklab.errors import BadInput

DIRECTORY = "/var/lib/rancher/k3s/agent/images"
BOTH = {"amd64": Archive(sha256="a" * 64, size=1), "arm64": Archive(sha256="b" * 64, size=2)}
TOOL = NodeImage(name="quay.io/team/tool:2", digest=f"sha256:{'c' * 64}", archives=BOTH)
ONE = NodeImage(
    name="docker.io/library/busybox:1", digest=f"sha256:{'d' * 64}",
    archives={"amd64": Archive(sha256="e" * 64, size=3)},
)  # fmt: skip
LISTED = NodeImages(images=[ONE, TOOL], gone=["whisklab-old-123.oci.tar"])


def given(
    monkeypatch: pytest.MonkeyPatch, listed: NodeImages, *, registry: bool, kind: str = "amd64"
) -> Any:
    """A machine of an environment with such a list."""
    monkeypatch.setattr(images, "_listed", lambda: listed)
    monkeypatch.setattr(registries, "is_wanted", lambda: registry)
    monkeypatch.setattr(images, "architecture", lambda _: kind)
    return SimpleNamespace(name="w1")


@pytest.mark.parametrize(("kind", "sha256"), [("amd64", "a" * 64), ("arm64", "b" * 64)])
def test_each_image_of_the_list_for_the_machine_s_architecture(
    monkeypatch: pytest.MonkeyPatch, kind: str, sha256: str
) -> None:
    machine = given(monkeypatch, NodeImages(images=[TOOL]), registry=False, kind=kind)
    (found,) = images.archives(machine)
    assert isinstance(found, Pushed)
    assert (found.path, found.mode, found.keep) == (f"{DIRECTORY}/{TOOL.file}", "644", True)
    assert found.artifact.source.sha256 == sha256
    assert found.artifact.file_name == TOOL.file
    assert str(found.artifact) == f"quay.io/team/tool 2 ({TOOL.file})"


def test_one_that_is_not_for_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = given(monkeypatch, LISTED, registry=False, kind="arm64")
    with pytest.raises(BadInput, match="^docker.io/library/busybox:1: .* there are machines of"):
        images.archives(machine)


def test_where_a_registry_is_they_go(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = given(monkeypatch, LISTED, registry=False)
    assert [each.path for each in images.archives(machine)] == [
        f"{DIRECTORY}/{each.file}" for each in LISTED.images
    ]
    assert images.gone() == [Gone(f"No {each}", f"{DIRECTORY}/{each}") for each in LISTED.gone]
    machine = given(monkeypatch, LISTED, registry=True)
    assert images.archives(machine) == []
    files = [*LISTED.gone, ONE.file, TOOL.file]
    assert images.gone() == [Gone(f"No {each}", f"{DIRECTORY}/{each}") for each in files]


def test_without_a_list_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> str:
        raise AssertionError

    for there in (True, False):
        machine = given(monkeypatch, NodeImages(), registry=there)
        monkeypatch.setattr(images, "architecture", refuse)
        assert (images.archives(machine), images.gone()) == ([], [])
