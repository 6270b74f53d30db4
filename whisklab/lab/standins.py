"""Build what the embedded lab uses in place of k3s's release, once, and keep it by its content."""

from __future__ import annotations

import fcntl
import hashlib
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from whisklab.errors import WhisklabError
from whisklab.lab import standin_images
from whisklab.lab.gobuild import Report, build_flags, go_build, go_version
from whisklab.lab.standin_images import Image, debian_busybox, write_bundle
from whisklab.paths import cache_dir

DEFAULT_VERSION = "v1.34.4+k3s1"

_SOURCES = Path(__file__).resolve().parents[2] / "standins" / "k3s"
_COMPONENT = "k8s.io/component-base/version"
_CATALOGUE = "catalogue.yaml"


@dataclass(frozen=True)
class _Version:
    modfile: str  # the go.mod that names this Kubernetes
    go: tuple[int, int]  # the oldest Go that compiles it


_VERSIONS = {
    DEFAULT_VERSION: _Version("go.mod", (1, 24)),
    "v1.35.4+k3s1": _Version("go-1.35.mod", (1, 25)),  # for tests of upgrades
}


def build(
    version: str = DEFAULT_VERSION, *, also: Sequence[str] = (), report: Report | None = None
) -> Path:
    """Build the stand-ins unless they are there, and return the path of their catalogue.

    The result lies under the user's cache, in a directory named after the sources, the flags and
    the Go version, so nothing is built twice and nothing half-built is ever found.

    Args:
        version: the k3s version that the catalogue has as its default.
        also: further versions of the catalogue, for upgrades.
        report: called with a line every few seconds of a long build.

    Raises:
        WhisklabError: an unknown version, no usable Go, or something failed to build.
    """
    say = report or (lambda _line: None)
    built = {v: _built(v, say) for v in dict.fromkeys([version, *also])}
    path = built[version] / _CATALOGUE
    if also:
        path = path.with_name("-".join(["catalogue", *built]) + ".yaml")
        _write_catalogue(path, version, built)
    return path


def _built(version: str, report: Report) -> Path:
    spec = _VERSIONS.get(version)
    if spec is None:
        known = ", ".join(_VERSIONS)
        raise WhisklabError(f"the lab has no k3s stand-in {version}; it can build {known}")
    if not (_SOURCES / spec.modfile).is_file():
        raise WhisklabError(f"{_SOURCES} has no {spec.modfile}: run whisklab from its repository")
    flags = _flags(version, spec)
    root = cache_dir() / "standins" / "k3s"
    done = root / _digest(_SOURCES, [go_version(spec.go, _SOURCES, report), *flags])
    if (done / _CATALOGUE).is_file():
        return done
    with _alone(root, report):
        if not (done / _CATALOGUE).is_file():  # nobody else has built it in the meantime
            _build_into(done, version, flags, report)
    return done


def _build_into(done: Path, version: str, flags: list[str], report: Report) -> None:
    for leftover in done.parent.glob("tmp-*"):  # of a build that was killed; we hold the lock
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=done.parent) as name:
        work = Path(name)
        target = work / "done"
        target.mkdir()
        go_build(_SOURCES, ".", target / "k3s", flags=flags, label="Kubernetes", report=report)
        arch = _arch()
        bundle = target / f"k3s-airgap-images-{arch}.tar.gz"
        write_bundle(_images(work, report), bundle, arch=arch)
        # The catalogue comes last: a directory with it is complete.
        _write_catalogue(target / _CATALOGUE, version, {version: target}, at={version: done})
        shutil.rmtree(done, ignore_errors=True)
        target.rename(done)
    report(f"the k3s stand-in {version} is built")


def _images(work: Path, report: Report) -> list[Image]:
    plain = build_flags({})
    go_build(_SOURCES, "./pause", work / "pause", flags=plain, label="pause", report=report)
    go_build(_SOURCES / "coredns", ".", work / "coredns", flags=plain, label="CoreDNS",
             report=report)  # fmt: skip
    busybox = debian_busybox(work)
    listed = subprocess.run([str(busybox), "--list"], capture_output=True, text=True, check=True)
    links = {f"bin/{name}": "busybox" for name in listed.stdout.split() if name != "busybox"}
    return [
        Image("docker.io/rancher/mirrored-pause:3.6", {"pause": work / "pause"}, ["/pause"]),
        Image(f"docker.io/rancher/mirrored-coredns-coredns:{_coredns_version()}",
              {"coredns": work / "coredns"}, ["/coredns"]),
        Image("docker.io/rancher/mirrored-library-busybox:1.36.1",
              {"bin/busybox": busybox}, [], ["sh"], links),
    ]  # fmt: skip


def _flags(version: str, spec: _Version) -> list[str]:
    major, minor = version.removeprefix("v").split(".")[:2]
    return [
        f"-modfile={spec.modfile}",
        *build_flags({
            "main.version": version,
            "whisklab/standins/k3s/server.CoreDNS": _coredns_version(),
            f"{_COMPONENT}.gitVersion": version,
            f"{_COMPONENT}.gitMajor": major,
            f"{_COMPONENT}.gitMinor": minor,
            "k8s.io/client-go/pkg/version.gitVersion": version,
        }),
    ]  # fmt: skip


def _coredns_version() -> str:
    text = (_SOURCES / "coredns" / "go.mod").read_text(encoding="utf-8")
    found = re.search(r"github\.com/coredns/coredns v(\S+)", text)
    if found is None:
        raise WhisklabError(f"{_SOURCES / 'coredns' / 'go.mod'} names no version of CoreDNS")
    return found[1]


def _digest(sources: Path, more: Sequence[str]) -> str:
    """A name for what comes out of these sources and flags."""
    files = [p for p in sources.rglob("*") if p.is_file()]
    wanted = [p for p in files if not p.name.endswith("_test.go") and p.suffix != ".md"]
    total = hashlib.sha256()
    for path in [*sorted(wanted), Path(standin_images.__file__), Path(__file__)]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.name} {path.parent.name} {content}\n".encode())
    total.update("\n".join([*more, _arch()]).encode())
    return total.hexdigest()[:16]


def _arch() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _write_catalogue(
    path: Path, default: str, built: dict[str, Path], *, at: dict[str, Path] | None = None
) -> None:
    arch = _arch()

    def entry(version: str, name: str) -> dict[str, dict[str, str]]:
        place = (at or built)[version] / name
        data = (built[version] / name).read_bytes()
        return {arch: {"url": place.as_uri(), "sha256": hashlib.sha256(data).hexdigest()}}

    bundle = f"k3s-airgap-images-{arch}.tar.gz"
    versions = {v: {"k3s": entry(v, "k3s"), "airgap-images": entry(v, bundle)} for v in built}
    text = yaml.safe_dump({"k3s": {"default": default, "versions": versions}}, sort_keys=False)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.rename(path)


@contextmanager
def _alone(root: Path, report: Report) -> Iterator[None]:
    """Hold the lock of the cache, so that two builds do not do the same work at once."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another whisklab is building the stand-ins, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
