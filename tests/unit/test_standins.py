"""The stand-ins are built once, kept by content, and never found half-built."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
import yaml

from whisklab.errors import WhisklabError
from whisklab.lab import standins
from whisklab.lab.standins import cache, gobuild
from whisklab.lab.standins.gobuild import go_build, go_version
from whisklab.lab.standins.images import Image, write_bundle
from whisklab.lab.standins.k3s import DEFAULT_VERSION, NEWER, OLDER, k3s

# A `go` that writes what it was asked to build, notes that it ran, and can be told to fail.
_GO = """#!/bin/sh
[ "$1" = env ] && { echo "${FAKE_GO_VERSION-go1.26.1}"; exit 0; }
echo "$*" >> "$FAKE_LOG"
echo "go: downloading example.org/m v1" >&2
echo k8s.io/kubernetes/pkg/a >&2
while [ "$1" != -o ]; do shift; done
echo half > "$2"
[ -z "$FAKE_WAIT" ] || sleep "$FAKE_WAIT"
[ -z "$FAKE_FAIL" ] || { echo "./x.go:1:1: syntax error" >&2; exit 1; }
echo "built in $PWD" > "$2"
"""
_APT = "#!/bin/sh\n[ -z \"$FAKE_APT\" ] || { echo 'E: nothing there' >&2; exit 100; }\n: > b.deb\n"
_DPKG = """#!/bin/sh
mkdir -p "$3/bin" "$3/lib/x" "$3/usr/bin" "$3/usr/lib/python3.11"
printf '#!/bin/sh\\necho busybox sh httpd\\n' > "$3/bin/busybox"
printf '#!/bin/sh\\n' > "$3/lib/x/ld-linux-x.so.1"  # what compiles Python's library
chmod +x "$3/bin/busybox" "$3/lib/x/ld-linux-x.so.1"
"""


@pytest.fixture(autouse=True)
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fake programs on PATH, an empty cache; gives the log of the fake compiler."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {"go": _GO, "apt-get": _APT, "dpkg-deb": _DPKG}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for name in ("FAKE_WAIT", "FAKE_FAIL", "FAKE_APT"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "go.log"))
    return tmp_path / "go.log"


PROGRAMS = 7  # k3s, pause, coredns, helm, the provisioner, wsk, the registry


def builds(log: Path) -> int:
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_a_build_is_reused_and_its_catalogue_tells_the_truth(tools: Path) -> None:
    lines: list[str] = []
    catalogue = standins.build(report=lines.append)
    assert builds(tools) == PROGRAMS
    assert standins.build() == catalogue
    assert builds(tools) == PROGRAMS
    assert f"\tthe k3s stand-in {DEFAULT_VERSION} is built" in lines
    products = yaml.safe_load(catalogue.read_text())
    assert products["k3s"]["default"] == DEFAULT_VERSION
    assert set(products) == {
        "k3s", "helm", "nfs-subdir-external-provisioner", "openwhisk", "registry", "wsk",
    }  # fmt: skip
    for name, product in products.items():
        for artifact in product["versions"][product["default"]].values():
            for entry in artifact.values():
                path = Path(unquote(urlparse(entry["url"]).path))
                assert path.parent.parent.name == name
                assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]


def test_helm_is_packed_like_a_release(tools: Path) -> None:
    product = yaml.safe_load(standins.build().read_text())["helm"]
    ((arch, entry),) = product["versions"][product["default"]]["helm"].items()
    path = Path(unquote(urlparse(entry["url"]).path))
    assert path.name == f"helm-{product['default']}-linux-{arch}.tar.gz"
    with tarfile.open(path) as archive:
        assert archive.getnames() == [entry["member"]] == [f"linux-{arch}/helm"]


def test_the_directory_is_named_after_what_goes_in(
    tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("helm", "openwhisk", "provisioner", "registry", "wsk"):
        shutil.copytree(cache.SOURCES / name, tmp_path / "sources" / name)
    sources = tmp_path / "sources" / "k3s"
    (sources / "coredns").mkdir(parents=True)
    (sources / "go.mod").write_text("module m\n\nrequire (\n\tk8s.io/kubernetes v1.2.3\n)\n")
    (sources / "main.go").write_text("package main\n")
    (sources / "coredns" / "go.mod").write_text("require github.com/coredns/coredns v1.2.3\n")
    monkeypatch.setattr(cache, "SOURCES", tmp_path / "sources")
    first = standins.build()
    (sources / "README.md").write_text("words")
    (sources / "main_test.go").write_text("package main\n")
    assert standins.build() == first
    assert builds(tools) == PROGRAMS
    monkeypatch.setenv("FAKE_GO_VERSION", "go1.27.0")
    other_go = standins.build()
    monkeypatch.delenv("FAKE_GO_VERSION")
    (sources / "main.go").write_text("package main // changed\n")
    before = builds(tools)
    assert len({first, other_go, standins.build()}) == 3
    assert builds(tools) - before == 3  # k3s's programs, and no others


def test_a_killed_build_leaves_nothing_that_is_taken_for_one(
    tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "from whisklab.lab.standins import build; build()"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "FAKE_WAIT": "3"},
        start_new_session=True,
    ) as process:
        while builds(tools) == 0:
            assert process.poll() is None
        os.killpg(process.pid, 9)
    root = tmp_path / "cache" / "whisklab" / "standins" / "k3s"
    assert list(root.glob("tmp-*/done"))
    catalogue = standins.build()
    assert catalogue.is_file()
    lock, done = sorted(root.iterdir())
    assert lock.name == ".lock"
    assert (done / "k3s").read_text().startswith("built in")
    assert (done / "k3s").as_uri() in catalogue.read_text()


def test_a_directory_without_a_catalogue_is_built_again(tools: Path) -> None:
    catalogue = standins.build()
    (part,) = (catalogue.parent.parent / "k3s").glob("*/catalogue.yaml")
    part.unlink()
    assert standins.build() == catalogue
    assert part.is_file()
    assert builds(tools) == PROGRAMS + 3


def test_two_builds_at_once_do_the_work_once(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE_WAIT", "0.2")
    found: list[Path] = []
    lines: list[str] = []

    def run() -> None:
        found.append(standins.build(report=lines.append))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1
    assert builds(tools) == PROGRAMS
    assert any("another whisklab" in line for line in lines)


def test_what_fails_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WhisklabError, match=r"no k3s stand-in v9; it can build v1\.36\.3\+k3s1"):
        standins.build("v9")
    monkeypatch.setenv("FAKE_APT", "broken")
    with pytest.raises(
        WhisklabError, match=r"busybox-static.* cannot be fetched.*apt-get update.*E: nothing there"
    ):
        standins.build()
    monkeypatch.delenv("FAKE_APT")  # of two that fail side by side, the first is told
    monkeypatch.setenv("FAKE_FAIL", "1")
    with pytest.raises(WhisklabError, match="compiling Kubernetes failed: .*syntax error"):
        standins.build()
    for version in ("go1.25.4", "devel"):
        monkeypatch.setenv("FAKE_GO_VERSION", version)
        with pytest.raises(WhisklabError, match=rf"Go 1\.26 or newer .*{version}"):
            standins.build()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(WhisklabError, match="no `go` on PATH"):
        go_version(cache.WORKSPACE, print)
    assert not list((tmp_path / "cache").rglob("tmp-*"))


@pytest.mark.parametrize(
    ("candidate", "root", "sentence"),
    [
        ("2:1.19~1", True, "this distribution offers 1.19"),
        ("2:1.24~2", False, "run `sudo apt-get install golang-go`"),
        ("2:1.24~2", True, "apt-get install golang-go failed: E: nothing there"),
    ],
)
def test_a_missing_go_comes_from_the_package_manager_if_that_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, candidate: str, root: bool, sentence: str
) -> None:
    programs = tmp_path / "no-go"
    programs.mkdir()
    for name, text in {
        "apt-cache": f"#!/bin/sh\necho '  Candidate: {candidate}'\n",
        "apt-get": _APT,
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("FAKE_APT", "broken")
    monkeypatch.setattr("os.geteuid", lambda: 0 if root else 1000)
    with pytest.raises(WhisklabError, match=sentence):
        go_version(cache.WORKSPACE, print)


def test_progress_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whisklab.lab.standins.gobuild._EVERY", 0.0)
    lines: list[str] = []
    go_build(tmp_path, ".", tmp_path / "out", flags=[], label="it", report=lines.append)
    assert lines == [
        "\tgo: downloading example.org/m v1",
        "compiling it: 1 modules downloaded, 0 packages",
        "\tk8s.io/kubernetes/pkg/a",
        "compiling it: 1 modules downloaded, 1 packages",
    ]


def test_a_bundle_is_reproducible_and_an_oci_archive(tmp_path: Path) -> None:
    program = tmp_path / "p"
    program.write_text("x")
    images = [
        Image("docker.io/a/b:1", {"bin/p": program}, ["/bin/p"], links={"bin/q": "p"}),
        Image("docker.io/a/c:2", {"p": program}, ["/p"]),
    ]
    one, two = tmp_path / "1.tar.gz", tmp_path / "2.tar.gz"
    write_bundle(images, one, arch="amd64")
    os.utime(program, (0, 0))
    write_bundle(images, two, arch="amd64")
    assert one.read_bytes() == two.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(one.read_bytes()))) as archive:
        content = {m.name: archive.extractfile(m) for m in archive}
        read = {name: f.read() for name, f in content.items() if f is not None}
    index = json.loads(read["index.json"])
    names = [m["annotations"]["io.containerd.image.name"] for m in index["manifests"]]
    assert names == ["docker.io/a/b:1", "docker.io/a/c:2"]
    for name, data in read.items():
        if name.startswith("blobs/"):
            assert name.endswith(hashlib.sha256(data).hexdigest())
    manifest = json.loads(read["blobs/sha256/" + index["manifests"][0]["digest"][7:]])
    layer = read["blobs/sha256/" + manifest["layers"][0]["digest"][7:]]
    with tarfile.open(fileobj=io.BytesIO(layer)) as files:
        assert files.getnames() == ["bin", "bin/p", "bin/q", "tmp"]


def test_the_compiler_is_told_what_it_may_use() -> None:
    plenty, little = 20 << 30, 1 << 30
    assert gobuild.environment(["-trimpath"], plenty) == {"CGO_ENABLED": "0", "GOGC": "off"}
    assert gobuild.environment(["-trimpath"], little) == {"CGO_ENABLED": "0"}
    own = gobuild.environment(["-modfile=go-1.35.mod"], little)
    assert own["GOWORK"] == "off"  # a workspace has one list of versions, this is another


def test_all_programs_are_in_one_list_of_module_versions() -> None:
    """But for the registry, which would have them all compiled with its own versions."""
    modules = {path.parent for path in cache.SOURCES.rglob("go.mod")}
    modules.remove(cache.SOURCES / "registry")
    assert len(modules) > 4
    said = (cache.SOURCES / "go.work").read_text()
    used = {cache.SOURCES / line.strip() for line in said.splitlines() if line.startswith("\t./")}
    assert used == modules


def test_a_relabelled_k3s_says_which_kubernetes_it_is() -> None:
    inside_of = dict.fromkeys((DEFAULT_VERSION, OLDER, NEWER), "v1.36")
    for version, inside in {**inside_of, "v1.34.4+k3s1": "v1.34", "v1.35.4+k3s1": "v1.35"}.items():
        flags = " ".join(k3s(version).ingredients)
        assert f"main.version={version} " in f"{flags} "
        assert f"main.kubernetes={inside}." in flags


def test_tests_take_what_was_compiled_for_the_lab() -> None:
    made = {flag for flag in gobuild.build_flags({}) if flag.startswith(("-trimpath", "-gcflags"))}
    shown = subprocess.run(
        ["make", "--dry-run", "unit"],
        cwd=cache.SOURCES.parent,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    commands = re.findall(r"go (?:vet|test) [^&\n]*", shown)
    assert len(commands) == 8
    assert all(made <= set(command.split()) for command in commands)
