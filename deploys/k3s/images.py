"""Images that nodes are given themselves, where no registry has them (`whisklab bundle upload`).

Their archives lie among those that k3s imports, before its kubelet starts and when one is new. So a
node that joins later, and one whose containerd has lost an image, get them as well.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from typing import Any

from pyinfra import host
from pyinfra.api import FactBase, FactProcessError, operation
from pyinfra.api.command import FunctionCommand, StringCommand
from pyinfra.api.host import Host

from deploys.k3s import render
from whisklab.engine.artifacts import node_images
from whisklab.engine.artifacts.node_images import NodeImage, NodeImages
from whisklab.engine.data.machine import architecture
from whisklab.engine.facts.everywhere import once
from whisklab.engine.kubernetes import waiting
from whisklab.engine.reasons import because
from whisklab.engine.registries import registry
from whisklab.engine.resources.desired import Desired
from whisklab.engine.resources.pushing import Gone, Pushed
from whisklab.engine.run.environment import current
from whisklab.engine.scripts import script
from whisklab.engine.sentences import listed
from whisklab.engine.ssh.remote import call, run_quietly, tried

# Seconds without a new one, after which k3s is no longer expected to import by itself what lies
# there (it watches since 1.32).
GRACE = 20.0
_CTR = 'ctr() { "$k3s" ctr --namespace k8s.io images "$@" > /dev/null; }; k3s=$1; '
# As k3s does it: the kubelet leaves what is pinned when its disk fills up.
_IMPORT = f'{_CTR} ctr import "$2" && ctr label "$3" io.cri-containerd.pinned=pinned'
# k3s gives each image that it imports this name as well; ctr does not.
_NAME = f"""{_CTR}
found=$("$k3s" ctr --namespace k8s.io images ls "name==$2" | awk 'NR == 2 {{ print $3 }}')
test "$found" = "${{3##*@}}" && ctr tag --force "$2" "$3"
"""


def _listed() -> NodeImages:
    return once("images of nodes", lambda: node_images.read(current().node_images))


def wanted() -> list[NodeImage]:
    """Return what nodes are to have; nothing where there is a registry.

    Raises:
        BadInput: the list cannot be read.
    """
    return [] if registry.is_wanted() else _listed().images


def archives(machine: Host) -> list[Pushed]:
    """Return the archives that a machine is to have.

    Raises:
        BadInput: the list cannot be read, or has one not for its architecture.
    """
    kind = architecture(machine) if wanted() else ""
    return [
        Pushed(f"Image {each.name}", each.artifact(kind), _path(each.file), mode="644", keep=True)
        for each in wanted()
    ]


def gone() -> list[Desired]:
    """Return that machines have no archive which nobody needs any more."""
    listed = _listed()
    left = [each.file for each in listed.images] if registry.is_wanted() else []
    return [Gone(f"No {each}", _path(each)) for each in (*listed.gone, *left)]


def _path(file: str) -> str:
    return f"{render.IMAGES}/{file}"


class HeldImages(FactBase[Mapping[str, str]]):
    """The images that containerd has: each name, with a tag or a digest, to the image's id.

    None where the k3s at `path` is not there or does not run.
    """

    @staticmethod
    def default() -> Mapping[str, str]:
        """None."""
        return {}

    @staticmethod
    def may_be_asked_ahead(path: str) -> bool:
        """Tell whether a file may say so: it runs what is at the path, as root."""
        return path == render.BINARY

    def command(self, path: str) -> StringCommand:
        """Have the container runtime print them."""
        return script(
            'if test -x "$1"; then "$1" crictl images -o json 2>/dev/null || true; fi', path
        )

    def process(self, output: list[str]) -> Mapping[str, str]:
        """Take names and ids."""
        try:
            found: Any = json.loads("\n".join(output))
            return {
                str(name): str(each["id"])
                for each in found.get("images") or []
                for name in (*(each.get("repoTags") or []), *(each.get("repoDigests") or []))
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FactProcessError(f"unexpected answer of crictl images: {output[:2]}") from None


def is_held(image: NodeImage, found: Mapping[str, str]) -> bool:
    """Tell whether containerd has an image under both its names. Pure."""
    return image.name in found and found[image.name] == found.get(image.by_digest)


@operation()
def held(images: Sequence[NodeImage], within: float) -> Generator[FunctionCommand]:
    """Have images in this node's containerd, by tag and by digest; yields nothing when it is so.

    k3s imports its archives by itself; what it does not, is imported here.

    Args:
        images: whose archives are on the node.
        within: how long that may take, in seconds.
    """
    found = host.get_fact(HeldImages, path=render.BINARY)
    lacking = [each for each in images if not is_held(each, found)]
    if not lacking:
        return
    because(f"containerd has not {_told(lacking)}")

    def have(node: Host) -> None:
        waiting.wait(
            node, _Import(node, images).problem, within,
            f"look at `journalctl -u 'k3s*'` and {render.IMAGES} there",
        )  # fmt: skip

    yield call(have)


class _Import:
    """Images on their way into a node's containerd."""

    def __init__(self, node: Host, images: Sequence[NodeImage]) -> None:
        self._node, self._images = node, images
        self._left, self._since = len(images) + 1, 0.0
        self._by_hand = False

    def problem(self) -> str | None:
        """Tell what lacks, after doing what can be done for it.

        Raises:
            WhisklabError: an archive cannot be imported.
        """
        found = self._node.get_fact(HeldImages, path=render.BINARY)
        lacking = [each for each in self._images if not is_held(each, found)]
        if not lacking:
            return None
        left = [each for each in lacking if not (each.name in found and self._named(each))]
        if len(left) < self._left:
            self._left, self._since = len(left), time.monotonic()
        self._by_hand = self._by_hand or time.monotonic() - self._since > GRACE
        if left and self._by_hand:
            one = left[0]
            run_quietly(self._node, script(_IMPORT, render.BINARY, _path(one.file), one.name))
        return f"containerd has not {_told(lacking)}"

    def _named(self, image: NodeImage) -> bool:
        """Give an image the name with its digest; False: what has its tag is another image."""
        names = (render.BINARY, image.name, image.by_digest)
        ok, _ = tried(self._node, script(_NAME, *names))
        return ok


def _told(images: Iterable[NodeImage]) -> str:
    return listed([each.name for each in images])
