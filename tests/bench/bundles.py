"""(f) A bundle of 500 MB to three nodes, beside the same bytes to one of them by scp."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import hosts
from tests.bench.hosts import Host
from tests.bench.measure import Median, Usage, interleaved, ratio, run, tell
from tests.bench.report import Result
from tests.contract.bundle.carrying import Builder
from tests.contract.bundle.upstream import Upstream, serving
from tests.contract.registry import making
from whisklab.bundle import keys
from whisklab.lab.inventory import groups

MEGABYTES, LAYERS, TIMES = 500, 5, 3
UPLOAD, PULL, SCP = "whisklab bundle upload", "pulled by all nodes", "scp to one node"
THERE = "scp to the registry's host"
_PORT = 5000  # of the lab's registry, where nodes pull
_COPY = "/var/tmp/whisklab-bench"
ABOUT = (
    f"`whisklab bundle upload` of a bundle with one image of {MEGABYTES} MB, which no compression "
    "makes smaller: its signature and each byte are verified, then it goes through SSH into the "
    "registry. Then all nodes pull it from there. Beside it the bundle itself by OpenSSH's scp to "
    "one node, and to the registry's host, which in the embedded lab has a kernel of its own in "
    "user mode and a slower network for it. Each turn has another image; all are removed "
    "afterwards. skopeo against such a registry on loopback is the part `images`."
)


def measured(lab: str) -> Result:
    """Measure it on a lab that is up and has a registry; what is brought there is removed."""
    nodes, (server, address) = _nodes(lab), _registry(lab)
    tell(f"f: a bundle of {MEGABYTES} MB to {', '.join(each.name for each in nodes)}")
    with tempfile.TemporaryDirectory() as made:
        built = [_bundle(Path(made), turn) for turn in range(TIMES)]
        key = Builder(Path(made), Upstream()).store.path(keys.PUBLIC)
        uploads, pulls = iter(built), iter(_images(address))
        copies, there = iter(built), iter(built)
        try:
            found = interleaved(
                {
                    UPLOAD: lambda: _uploaded(lab, next(uploads), key),
                    PULL: lambda: _pulled(nodes, next(pulls)),
                    SCP: lambda: _copied(nodes[0], next(copies)),
                    THERE: lambda: _copied(server, next(there)),
                },
                TIMES,
            )
        finally:
            tell("f: removing what was brought")
            _removed(lab, nodes, address)
    return result(found, len(nodes))


def _images(address: str) -> list[str]:
    return [f"{address}/{_name(turn)}" for turn in range(TIMES)]


def _name(turn: int) -> str:
    return f"bench/image{turn}:1"


def _nodes(lab: str) -> list[Host]:
    members = {name for group in ("masters", "workers") for name, _ in groups(lab)[group]}
    return [each for each in hosts.of_lab(lab) if each.name in members]


def _registry(lab: str) -> tuple[Host, str]:
    """Return the host of the registry, and where nodes pull."""
    ((name, data), *_) = groups(lab)["registry"]
    (host,) = (each for each in hosts.of_lab(lab) if each.name == name)
    return host, f"{data['node_address']}:{_PORT}"


def _bundle(home: Path, turn: int) -> Path:
    """Build a bundle with an image that no other turn has."""
    size = (MEGABYTES << 20) // LAYERS
    image = making.image([making.layer(turn * LAYERS + each, size) for each in range(LAYERS)])
    repository, _, tag = _name(turn).rpartition(":")
    with serving(Upstream()) as upstream:
        upstream.put(repository, tag, image)
        builder = Builder(home, upstream)
        builder.offer({})
        return builder.build(f"turn{turn}", [f"docker.io/{_name(turn)}"])


def _whisklab(*arguments: object) -> Usage:
    return run([Path(sys.executable).with_name("whisklab"), *arguments])


def _uploaded(lab: str, bundle: Path, key: Path) -> Usage:
    done = _whisklab("bundle", "upload", bundle, lab, "--key", key)
    return done.expect(ok=done.code == 0, what="whisklab bundle upload")


def _pulled(nodes: Sequence[Host], image: str) -> Usage:
    """Have all nodes pull an image; what it costs them is not this machine's to count."""
    began = time.monotonic()
    hosts.on_all(nodes, lambda each: each.root(f"crictl pull {image}"))
    return Usage(time.monotonic() - began, 0.0, 0.0, 0, "", "")


def _copied(node: Host, bundle: Path) -> Usage:
    argv = ["scp", *node.options(), "-i", node.key, "-P", node.port, bundle,
            f"{node.user}@{node.address}:{_COPY}"]  # fmt: skip
    done = run(argv)
    node.root(f"rm -f {_COPY}")
    return done.expect(ok=done.code == 0, what="scp")


def _removed(lab: str, nodes: Sequence[Host], address: str) -> None:
    images = " ".join(_images(address))
    hosts.on_all(nodes, lambda each: each.root(f"crictl rmi {images}", check=False))
    for name in map(_name, range(TIMES)):
        _whisklab("images", "rm", lab, name, "--yes")  # of a bench that broke off some lack
    done = _whisklab("images", "gc", lab, "--yes")
    done.expect(ok=done.code == 0, what="whisklab images gc")


def result(found: Mapping[str, Median], nodes: int) -> Result:
    """Return what was measured as a table. Pure."""
    alone = found[UPLOAD].walls
    whole = [one + other for one, other in zip(alone, found[PULL].walls, strict=True)]
    named = {
        UPLOAD: alone, f"the same and pulled by {nodes} nodes at once": whole,
        SCP: found[SCP].walls, THERE: found[THERE].walls,
    }  # fmt: skip
    rows = [
        (name, f"{statistics.median(walls):.1f}", f"{ratio(walls, found[SCP].walls):.1f}",
         f"{ratio(walls, found[THERE].walls):.1f}")
        for name, walls in named.items()
    ]  # fmt: skip
    return Result(
        title=f"{MEGABYTES} MB into a closed network",
        about=ABOUT,
        header=("what", "wall s", "times scp to a node", "times scp to the registry's host"),
        rows=rows,
        bars=[(name, float(wall), f"{wall} s") for name, wall, *_ in rows],
        quotes=[(f"bundle of {MEGABYTES} MB uploaded and pulled by {nodes} nodes",
                 f"{rows[1][2]} times scp to one node, {rows[1][3]} times to the registry's")],
        numbers={name: {"wall": each.wall, "walls": each.walls} for name, each in found.items()},
    )  # fmt: skip
