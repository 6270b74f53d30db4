"""The laptop's side from the bundle alone: without a network, starting with nothing but Python."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.bundle.changing import (
    Data,
    changed,
    contents,
    manifest_of,
    problems,
    quiet,
    without,
    written,
)
from tests.contract.bundle.checkout import checked_out, commit, git
from tests.contract.bundle.site import NAME, Site, catalogue
from tests.contract.bundle.upstream import Upstream, serving
from whisklab.bundle import keys, tar
from whisklab.bundle.parts import part
from whisklab.engine.data.secrets import SecretStore
from whisklab.lab.standins.cache import built
from whisklab.lab.standins.helm import helm as helm_standin
from whisklab.lab.standins.openwhisk import openwhisk as openwhisk_standin

HERE = f"python{sys.version_info[0]}.{sys.version_info[1]}-linux-"
PROGRAMS = ("tar", "cat", "env", "ls", "mkdir", "rm", "uname")
ALONE = {
    "openwhisk_enabled": False, "provisioner_enabled": False,
    "bundle_images": ["upstream.example/tool:1"],
}  # fmt: skip


@dataclass
class Inside:
    """A laptop without a network, on which nobody has installed anything; nor python3-venv.

    Attributes:
        path: what it has.
    """

    path: Path

    def argv(self, *argv: str) -> list[str]:
        home, programs, lacks = (self.path / each for each in ("home", "bin", "lacks"))
        home.mkdir(exist_ok=True)
        if not programs.exists():
            programs.mkdir()
            lacks.mkdir()
            (lacks / "ensurepip.py").write_text("raise ImportError('it is not here')\n")
            (programs / "python3").symlink_to(Path(sys.executable).resolve())
            for each in PROGRAMS:
                (programs / each).symlink_to(shutil.which(each) or each)
        variables = (f"PATH={programs}", f"HOME={home}", f"PYTHONPATH={lacks}")
        return ["unshare", "-rn", "env", "-i", *variables, *argv]

    def run(self, *argv: str, at: str = ".") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(*argv), cwd=self.path / at, capture_output=True, text=True, check=False
        )

    def install(self, bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        got = self.run("tar", "xf", str(bundle), tar.INSTALL)
        assert got.returncode == 0, got.stderr
        return self.run("python3", tar.INSTALL, str(bundle), *arguments)


@dataclass
class Made:
    """A bundle, its directory, and the secrets with its key; what was said as it was built."""

    site: Site
    bundle: Path
    store: SecretStore
    said: str


@pytest.fixture(scope="module")
def made(provisioner_chart: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    directory = tmp_path_factory.mktemp("made")
    with serving(Upstream()) as upstream:
        site = Site(directory / "site", upstream, directory / "cache")
        charts = built(helm_standin(), quiet), built(openwhisk_standin(), quiet)
        site.write(catalogue(upstream, *charts, provisioner_chart))
        site.say(**ALONE)
        checked_out(site)
        first = site.run("build", NAME)  # writes the lock, which nobody tracks yet
        untracked = "files/catalogue.images.lock.yaml: is carried, and git does not track it"
        assert untracked in first.stdout, first
        commit(site.path, "files")
        done = site.run("build", NAME)
        assert done.returncode == 0, done.stderr
        bundle = site.path / f"{NAME}.bundle"
        yield Made(site, bundle, SecretStore(site.path / ".secrets" / NAME), done.stdout)


@pytest.fixture
def inside(tmp_path: Path) -> Inside:
    return Inside(tmp_path)


@pytest.fixture(scope="module")
def installed(made: Made, tmp_path_factory: pytest.TempPathFactory) -> tuple[Inside, str]:
    """What three tries made: one with a damaged wheel, one that was killed, and one from parts."""
    there = Inside(tmp_path_factory.mktemp("inside"))
    bundle, whole = there.path / "lab.bundle", made.bundle.read_bytes()
    bundle.write_bytes(_flipped(made.bundle, "pycparser"))
    shutil.copy(made.store.path(keys.PUBLIC), there.path / "key.pub")
    damaged = there.install(bundle, "new", "--key", "key.pub")
    assert damaged.returncode == 1
    assert damaged.stderr.startswith("install.py: wheel pycparser "), damaged.stderr
    assert damaged.stderr.rstrip().endswith("are damaged: copy the bundle again")
    bundle.write_bytes(whole)
    argv = there.argv("python3", tar.INSTALL, str(bundle), "new", "--key", "key.pub")
    with subprocess.Popen(
        argv, cwd=there.path, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        for line in process.stdout or ():
            if "packages into" in line:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode < 0
    for number in range(-(-len(whole) // (4 << 20))):
        piece = whole[number * (4 << 20) : (number + 1) * (4 << 20)]
        part(bundle, number + 1).write_bytes(piece)
    bundle.unlink()
    done = there.run("python3", tar.INSTALL, "lab.bundle", "new", "--key", "key.pub")
    assert done.returncode == 0, done.stderr
    bundle.write_bytes(whole)
    return there, done.stdout


def _flipped(bundle: Path, name: str) -> bytes:
    """A bundle with another bit in the middle of an item."""
    item = next(each for each in manifest_of(bundle).items if each.name == name)
    files = contents(bundle)
    data = bytearray(bundle.read_bytes())
    data[data.index(files[tar.BLOBS + item.sha256]) + item.size // 2] ^= 4
    return bytes(data)


def test_python_alone_is_enough(made: Made, installed: tuple[Inside, str]) -> None:
    there, said = installed
    assert f"going on in {there.path / 'new'}, where a try broke off" in said
    assert f"{there.path}/lab.bundle: right: " in said
    assert ".venv/bin/whisklab bundle upload" in said
    whisklab, key = ".venv/bin/whisklab", ("--key", "../key.pub")
    right = there.run(whisklab, "bundle", "verify", "../lab.bundle", "--blobs", *key, at="new")
    assert (right.returncode, "every byte was compared" in right.stdout) == (0, True), right.stderr
    told = there.run(whisklab, "plan", "--help", at="new")
    assert (told.returncode, "Usage:" in told.stdout) == (0, True), told.stderr
    read = there.run(".venv/bin/pyinfra", f"inventories/{NAME}.py", "debug-inventory", at="new")
    assert read.returncode == 0, read.stderr
    assert "192.0.2.11" in read.stdout + read.stderr
    filled = there.run(whisklab, "bundle", "upload", "../lab.bundle", NAME, *key, at="new")
    assert "in this laptop's cache" in filled.stdout, filled.stderr  # its machines are nowhere
    assert "Traceback" not in filled.stderr
    assert there.run("python3", "-m", "ensurepip").stderr.strip().endswith("it is not here")
    whole = there.run(".venv/bin/python", "-m", "pip", "check", at="new")
    assert whole.returncode == 0, whole.stdout
    ready = subprocess.run(["make", "-q", ".venv/ready"], cwd=there.path / "new", check=False)
    assert ready.returncode == 0


def test_what_git_tracks_is_there(made: Made, installed: tuple[Inside, str]) -> None:
    there, _ = installed
    new = there.path / "new"
    tracked = set(git(made.site.path, "ls-files").splitlines())
    found = {
        str(each.relative_to(new))
        for each in new.rglob("*")
        if each.is_file() and not {".venv", "__pycache__"} & set(each.relative_to(new).parts)
    }
    assert tracked <= found
    assert {each.partition("/")[0] for each in found - tracked} <= {"whisklab.egg-info"}
    for name in tracked:
        assert (new / name).read_bytes() == (made.site.path / name).read_bytes(), name
        modes = [bool(each.stat().st_mode & 0o100) for each in (new / name, made.site.path / name)]
        assert modes[0] == modes[1], name


def test_a_directory_of_others_stays(installed: tuple[Inside, str]) -> None:
    there, _ = installed
    done = there.run("python3", tar.INSTALL, "lab.bundle", "new")
    assert (done.returncode, "is not empty: name a new directory" in done.stderr) == (2, True)


def test_who_signed_it(made: Made, installed: tuple[Inside, str], tmp_path: Path) -> None:
    """The new whisklab's word, whatever else; install.py itself is asked, and installs nothing."""
    there, _ = installed
    other = SecretStore(tmp_path / "theirs")
    keys.signer(other)
    script = "import install, pathlib, sys; install.verify(*map(pathlib.Path, sys.argv[1:]))"
    (there.path / "asked").mkdir()
    shutil.copy(there.path / tar.INSTALL, there.path / "asked")
    done = there.run("python3", "-c", script, str(there.path / "new"),
                     str(there.path / "lab.bundle"), str(other.path(keys.PUBLIC)),
                     at="asked")  # fmt: skip
    assert done.returncode == 1
    assert "is by the key SHA256:" in done.stderr
    assert "is not right, see above: do not use" in done.stderr


def _another_python(data: Data, _: dict[str, bytes]) -> None:
    text = json.dumps(data)
    data |= json.loads(text.replace(HERE, "python3.99-linux-"))
    data["laptops"][0]["python"] = "3.99"


def _newer_glibc(data: Data, _: dict[str, bytes]) -> None:
    data["laptops"][0]["system"] = "glibc 2.99"


def _no_laptops(data: Data, _: dict[str, bytes]) -> None:
    data["laptops"] = []


def _of_since(data: Data, _: dict[str, bytes]) -> None:
    data["absent"] = [each["sha256"] for each in data["items"] if each["kind"] == "tool"]


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (_another_python, 2, ": is for python3.99-linux-"),
        (_newer_glibc, 2, ": is for glibc 2.99 or newer, and this laptop has glibc "),
        (_no_laptops, 2, ": whisklab is not in it"),
        (_of_since, 2, "is left to an earlier bundle (--since): install from that one"),
    ],
)
def test_what_a_bundle_is_not_for(
    made: Made, inside: Inside, change: object, code: int, said: str
) -> None:
    assert callable(change)
    bundle = changed(made.bundle, made.store, change)
    done = inside.install(bundle, "new")
    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert code == 1 or not (inside.path / "new/.venv").exists()


def test_a_wheel_that_is_not_in_the_archive(made: Made, inside: Inside) -> None:
    item = next(each for each in manifest_of(made.bundle).items if each.name == "httpx")
    files = contents(made.bundle)
    del files[tar.BLOBS + item.sha256]
    bundle = written(made.bundle.with_name("fewer.bundle"), files)
    done = inside.install(bundle, "new")
    assert (done.returncode, "wheel httpx " in done.stderr) == (1, True), done.stderr
    assert "copy it again, all parts of it" in done.stderr


def test_each_item_left_out_is_named(made: Made) -> None:
    """By the manifest's needs; and where the builder forgot these, by going through it all."""
    items = manifest_of(made.bundle).items
    mine = [index for index, each in enumerate(items) if each.kind in ("tool", "wheel")]
    assert len(mine) > 30
    for index in mine:
        for need in (False, True):

            def change(
                data: Data, files: dict[str, bytes], index: int = index, *, need: bool = need
            ) -> None:
                without(data, files, index, need=need)

            said = problems(changed(made.bundle, made.store, change), made.store, blobs=False)
            named = "whisklab" if items[index].kind == "tool" else items[index].name
            assert any(named in each and "has it not" in each for each in said), (named, said)


def test_the_environment_names_each_item_left_out(made: Made) -> None:
    site = made.site
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.bundle.leaving_out", str(made.bundle)],
        cwd=site.path, env=site.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found.pop("") == []
    for item in manifest_of(made.bundle).items:
        (said,) = found[" ".join(item.key)]
        assert str(item) in said


def test_without_its_program(made: Made) -> None:
    def change(data: Data, files: dict[str, bytes]) -> None:
        data["documents"] = [each for each in data["documents"] if each["name"] != tar.INSTALL]
        del files[tar.INSTALL]

    (said,) = problems(changed(made.bundle, made.store, change), made.store)
    assert said.startswith("install.py: the bundle is for the laptops python3.")


def test_what_is_said_of_it(made: Made) -> None:
    site, manifest = made.site, manifest_of(made.bundle)
    install = contents(made.bundle)[tar.INSTALL]
    assert f"install.py has the SHA-256 {hashlib.sha256(install).hexdigest()}" in made.said
    assert "is left out" not in made.said
    said = site.run("list", made.bundle.name).stdout
    assert "whisklab itself" not in said
    needed = next(each for each in said.splitlines() if "for the laptop inside" in each)
    assert f"Python {HERE[6:].partition('-')[0]} with its standard library, on linux-" in needed
    sbom = json.loads(site.run("list", made.bundle.name, "--sbom").stdout)
    purls = {
        each["externalRefs"][0]["referenceLocator"]
        for each in sbom["packages"]
        if "externalRefs" in each
    }
    wheels = [each for each in manifest.items if each.kind == "wheel"]
    assert purls == {f"pkg:pypi/{each.name}@{each.version}" for each in wheels}
    assert {"pip", "setuptools", "pyinfra", "cffi"} <= {each.name for each in wheels}
    assert not {"pytest", "mypy", "kubernetes"} & {each.name for each in wheels}
    listed = json.loads(site.run("list", made.bundle.name, "--json").stdout)
    assert [each["python"] for each in listed["laptops"]] == [HERE[6:].partition("-")[0]]


def test_two_directories_make_the_same(made: Made, tmp_path: Path) -> None:
    """And what lies in the cache is not fetched again: there is no index."""
    other = made.site.copied(tmp_path / "another/place", made.site.cache)
    umask = ("sh", "-c", 'umask 077; exec "$@"', "sh")
    done = other.run("build", NAME, prefix=umask, PIP_NO_INDEX="1", TZ="Asia/Tokyo", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert (other.path / made.bundle.name).read_bytes() == made.bundle.read_bytes()
    manifest = contents(made.bundle)[tar.MANIFEST]
    assert str(made.site.path).encode() not in manifest
    changed_file = other.path / f"group_data/{NAME}.py"
    changed_file.write_text(changed_file.read_text() + "# later\n")
    done = other.run("build", NAME, PIP_NO_INDEX="1")
    assert f"group_data/{NAME}.py: is carried as it is here, and commit " in done.stdout
    told = other.run("diff", str(made.bundle), made.bundle.name).stdout.splitlines()
    assert told[0].startswith("changed: tool whisklab ")
    assert len(told) == 2


def test_without_a_checkout(made: Made, tmp_path: Path) -> None:
    """A bundle is built all the same, and says what it lacks; unless whisklab was asked for."""
    site = Site(tmp_path / "plain", made.site.upstream, made.site.cache)
    shutil.copytree(made.site.path, site.path, ignore=shutil.ignore_patterns(".git", "*.bundle*"))
    outside = {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    done = site.run("build", NAME, **outside)
    assert done.returncode == 0, done.stderr
    assert "not in it: whisklab itself, its Python packages and Python: " in done.stdout
    assert "it was not built in a git checkout" in done.stdout
    bundle = site.path / f"{NAME}.bundle"
    assert {each.kind for each in manifest_of(bundle).items} == {"file", "image"}
    assert tar.INSTALL not in contents(bundle)
    assert problems(bundle, SecretStore(site.path / ".secrets" / NAME)) == []
    done = site.run("build", NAME, "--python", "3.12", **outside)
    assert (done.returncode, "a bundle cannot carry whisklab" in done.stderr) == (2, True)
