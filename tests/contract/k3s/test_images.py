"""Images that nodes are given themselves: in containerd by tag and digest, whoever imports them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploys.k3s import images, render
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import Done
from tests.contract.k3s.machine import Machine
from whisklab.engine.artifacts.node_images import NodeImage

TOOL = NodeImage(name="quay.io/team/tool:2", digest=f"sha256:{'a' * 64}", archives={})
BUSYBOX = NodeImage(name="docker.io/library/busybox:latest", digest=f"sha256:{'b' * 64}",
                    archives={})  # fmt: skip
BOTH = [TOOL, BUSYBOX]
# What containerd has is a directory: a file for each name, whose text is the digest. Of it, crictl
# says names and ids, and ctr changes it; what is imported is in a file of the archive's name.
K3S = """
has='{root}/has'; flat() {{ printf '%s' "$1" | tr / ,; }}
case $1 in
crictl) test ! -e '{root}/off' || exit 1
  printf '{{"images":['; comma=
  for each in "$has"/*; do test -f "$each" || continue
    name=$(basename "$each" | tr , /); digest=$(cat "$each"); kind=repoTags
    case $name in *@*) kind=repoDigests;; esac
    printf '%s{{"id":"id-%s","%s":["%s"],"size":"1"}}' "$comma" "$digest" "$kind" "$name"; comma=,
  done; printf ']}}\\n';;
ctr) shift 4; verb=$1; shift
  case $verb in
  ls) echo "REF TYPE DIGEST SIZE"; name=${{1#name==}}
      test -f "$has/$(flat "$name")" && echo "$name type $(cat "$has/$(flat "$name")") 1";;
  tag) test "$1" = --force || exit 9; cp "$has/$(flat "$2")" "$has/$(flat "$3")";;
  import) test -f '{root}'/archives/"$(basename "$1")" || {{ echo "ctr: open $1: no such file" >&2
      exit 1; }}
    while read -r name digest; do printf %s "$digest" > "$has/$(flat "$name")"; done \\
      < '{root}'/archives/"$(basename "$1")";;
  label) test -f "$has/$(flat "$1")";;
  esac;;
esac"""


class Node(Machine):
    """A node with a containerd."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(root)
        self.has, self.archives = root / "has", root / "archives"
        self.has.mkdir()
        self.archives.mkdir()
        self.program("k3s", K3S.format(root=root))
        self.program("sudo", 'while test "${1#-}" != "$1"; do shift; done; exec "$@"')
        monkeypatch.setenv("PATH", f"{self.bin}:{os.environ['PATH']}")
        monkeypatch.setattr(render, "BINARY", str(self.bin / "k3s"))
        for each in BOTH:
            (self.archives / each.file).write_text(f"{each.name} {each.digest}\n")

    def give(self, name: str, digest: str) -> None:
        (self.has / name.replace("/", ",")).write_text(digest)

    def fill(self, *given: NodeImage) -> None:
        for each in given:
            self.give(each.name, each.digest)
            self.give(each.by_digest, each.digest)

    @property
    def names(self) -> Mapping[str, str]:
        return {each.name.replace(",", "/"): each.read_text() for each in self.has.iterdir()}

    @property
    def ctr(self) -> list[list[str]]:
        """What ctr was asked to change."""
        calls = [each[4:] for each in self.called("k3s", "ctr")]
        return [each for each in calls if each[0] != "ls"]

    def held(self, *, only_plan: bool = False) -> Done:
        do = fake.plan if only_plan else fake.carry_out
        return do(images.held, images=BOTH, within=1.0)


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    """One whose k3s imports nothing by itself."""
    monkeypatch.setattr(images, "GRACE", -1.0)
    return Node(tmp_path, monkeypatch)


ALL = {name: each.digest for each in BOTH for name in (each.name, each.by_digest)}


def test_what_is_there_needs_nothing(node: Node) -> None:
    node.fill(*BOTH)
    assert node.held().idle
    assert node.ctr == []


@pytest.mark.parametrize("name", ALL)
def test_each_name_that_lacks_is_given_again(node: Node, name: str) -> None:
    node.fill(*BOTH)
    (node.has / name.replace("/", ",")).unlink()
    image = TOOL if "tool" in name else BUSYBOX
    planned = node.held(only_plan=True)
    assert planned.why == [f"containerd has not {image.name}"]
    assert node.ctr == []
    assert not node.held().failed
    assert node.names == ALL
    if name == image.by_digest:  # nothing is read again for it
        assert node.ctr == [["tag", "--force", image.name, image.by_digest]]
    assert node.held().idle


def test_bare_containerd_gets_all_and_they_are_pinned(node: Node) -> None:
    assert node.held(only_plan=True).why == [f"containerd has not {TOOL.name}, {BUSYBOX.name}"]
    assert not node.held().failed
    assert node.names == ALL
    for each in BOTH:
        assert ["import", f"{render.IMAGES}/{each.file}"] in node.ctr
        assert ["label", each.name, "io.cri-containerd.pinned=pinned"] in node.ctr


def test_another_image_of_that_tag_is_replaced_and_never_named_by_the_digest(node: Node) -> None:
    node.fill(BUSYBOX)
    node.give(TOOL.name, f"sha256:{'c' * 64}")
    assert not node.held().failed
    assert node.names == ALL
    assert node.ctr[0][0] == "import"


def test_k3s_itself_is_given_time(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """It imports what is new among its archives, and names it by tag and digest."""
    monkeypatch.setattr(images, "GRACE", 60.0)
    node.program(
        "k3s",
        f"""
if test "$1" = crictl && test "$(wc -l < '{node.log}')" -gt 3; then
  for each in '{node.archives}'/*; do read -r name digest < "$each"
    for one in "$name" "${{name%:*}}@$digest"; do
      printf %s "$digest" > '{node.has}'/"$(printf %s "$one" | tr / ,)"; done
  done
fi
{K3S.format(root=node.root)}""",
    )
    assert not node.held().failed
    assert (node.names, node.ctr) == (ALL, [])


def test_an_archive_that_cannot_be_imported_is_told(node: Node) -> None:
    (node.archives / TOOL.file).unlink()
    done = node.held()
    assert done.failed
    assert any(f"ctr: open {render.IMAGES}/{TOOL.file}: no such file" in each
               for each in done.errors)  # fmt: skip


def test_what_never_comes_is_told_by_its_name(node: Node) -> None:
    (node.archives / TOOL.file).write_text("quay.io/team/other:1 sha256:0\n")
    (node.archives / BUSYBOX.file).write_text("quay.io/team/other:1 sha256:0\n")
    node.program("k3s", K3S.format(root=node.root).replace("label) test", "label) true; #"))
    done = node.held()
    assert done.failed
    assert any(
        f"after 1 s still containerd has not {TOOL.name}, {BUSYBOX.name}: look at `journalctl"
        in each for each in done.errors
    )  # fmt: skip


def test_a_k3s_that_is_not_there_or_does_not_run_has_none(node: Node, tmp_path: Path) -> None:
    node.fill(*BOTH)
    (tmp_path / "off").touch()
    assert node.held(only_plan=True).why == [f"containerd has not {TOOL.name}, {BUSYBOX.name}"]
    (node.bin / "k3s").unlink()
    assert node.held(only_plan=True).why == [f"containerd has not {TOOL.name}, {BUSYBOX.name}"]


@pytest.mark.parametrize("text", ["[]", "{", '{"images": [{"repoTags": ["a:1"]}]}', "nothing"])
def test_another_answer_is_told(node: Node, text: str) -> None:
    node.program("k3s", f"test $1 = crictl && echo '{json.loads(json.dumps(text))}'")
    done = node.held()
    assert done.failed
    assert any("unexpected answer of crictl images" in each for each in done.errors)
