"""The image of the hosts: a minimal system of the machine's own distribution and release.

Kept by the digest of its recipe and shared read-only by all hosts of all labs.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.lab.common import apt
from whisklab.lab.common.release import Release, parse_os_release
from whisklab.lab.common.removal import remove_tree
from whisklab.lab.common.run import DETAIL, Report, run, run_long
from whisklab.lab.providers.nspawn import aptrepo, image_files, modules
from whisklab.lab.providers.nspawn.layout import IMAGES

RECIPE = 1  # counts changes of how an image is made that the recipe below does not show
_BUILDING = ".building-"
# Whatever ends us ends the build and what it has mounted, so that a new one finds no one there.
ENDS_WITH_US = (
    "setpriv", "--pdeathsig", "KILL",
    "unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
)  # fmt: skip
_NEVER: tuple[str, ...] = ("etc/ssh/ssh_host_*", "var/lib/apt/lists/*", "var/cache/apt/*.bin")


def recipe(release: Release, architecture: str, *, nfs_client: bool) -> dict[str, object]:
    """Everything that decides what is in an image; `nfs_client`: whether the kernel has one."""
    return {
        "recipe": RECIPE,
        "without NFS client": {} if nfs_client else image_files.WITHOUT_NFS_CLIENT,
        "distribution": release.distribution,
        "release": release.codename,
        "architecture": architecture,
        "packages": image_files.PACKAGES,
        "repository": image_files.REPOSITORY_PACKAGES,
        "files": image_files.FILES,
        "links": image_files.LINKS,
    }


def digest(of: dict[str, object]) -> str:
    """The name of the image that a recipe makes."""
    return hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()[:16]


def root_of(image: str) -> Path:
    """The root file system of an image."""
    return IMAGES / image / "root"


def ensure(report: Report) -> str:
    """Make the image of this machine's release unless it is there; return its digest.

    The caller holds the lock of images.

    Raises:
        WhisklabError: the machine cannot make one, or the build failed.
    """
    release = parse_os_release(Path("/etc/os-release").read_text(encoding="utf-8"))
    nfs_client = modules.has_filesystem(modules.NFS_CLIENT)
    wish = recipe(release, platform.machine(), nfs_client=nfs_client)
    name = digest(wish)
    if not root_of(name).is_dir():
        report(f"making the image of the hosts ({release.distribution} {release.codename}), once")
        with building(name, wish, report) as directory:
            _bootstrap(directory / "root", release, report)
            _furnish(directory / "root", report)
            if not nfs_client:
                _divert_mount_nfs(directory / "root")
    return name


@contextmanager
def building(name: str, wish: dict[str, object], report: Report) -> Iterator[Path]:
    """Make the directory of an image: whole, or not at all.

    The caller holds the lock of images, and fills the directory that this yields.
    """
    started = time.monotonic()
    IMAGES.mkdir(mode=0o755, parents=True, exist_ok=True)
    for left in IMAGES.glob(f"{_BUILDING}*"):  # of a build that was killed
        remove_tree(left, IMAGES)
    directory = IMAGES / f"{_BUILDING}{name}"
    directory.mkdir(mode=0o755)
    yield directory
    (directory / "recipe.json").write_text(json.dumps(wish, indent=1), encoding="utf-8")
    directory.rename(IMAGES / name)
    report(f"{DETAIL}image {name} made in {time.monotonic() - started:.0f} s")


def _bootstrap(root: Path, release: Release, report: Report) -> None:
    sources = aptrepo.machine_sources(release.distribution)
    if not sources:
        apt.update(report)
        sources = aptrepo.machine_sources(release.distribution)
    if not sources:
        raise WhisklabError(f"apt knows no source of {release.distribution}'s own packages")
    keys = [Path(f"/usr/share/keyrings/{release.distribution}-archive-keyring.gpg")]
    keyrings = [f"--keyring={key}" for key in keys if key.exists()]
    temporary = root.parent / "tmp"
    temporary.mkdir()
    temporary.chmod(0o1777)  # apt's own user writes there too
    include = ",".join(image_files.PACKAGES)
    argv = [
        *ENDS_WITH_US, "env", f"TMPDIR={temporary}",
        "mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", *keyrings,
        "--skip=cleanup/apt/lists", f"--include={include}", release.codename, str(root), "-",
    ]  # fmt: skip
    run_long(argv, report, stdin=sources)
    remove_tree(temporary, root.parent)
    (root.parent / "sources.list").write_text(sources, encoding="utf-8")


def _furnish(root: Path, report: Report) -> None:
    """Turn a plain system into a lab's: package repository, our files and units, no identity."""
    report("fetching the packages that deploys install")
    repository = root / image_files.REPOSITORY
    repository.mkdir(parents=True)
    aptrepo.download(root, repository, image_files.REPOSITORY_PACKAGES, report)
    aptrepo.index(repository)
    for pattern in _NEVER:
        for path in root.glob(pattern):
            remove_tree(path, root)
    for name in image_files.MASKED:
        for wants in root.glob(f"etc/systemd/system/*.wants/{name}"):
            wants.unlink()
    place(root, image_files.FILES, image_files.LINKS)
    run(["chroot", str(root), "apt-get", "-qq", "update"])


def _divert_mount_nfs(root: Path) -> None:
    for path in image_files.DIVERTED:
        divert(root, "--divert", f"{path}.distrib", "--add", path)
    place(root, {}, image_files.WITHOUT_NFS_CLIENT)


def divert(root: Path, *arguments: str) -> None:
    """Run dpkg-divert on the system below `root`; no file is moved."""
    run(["chroot", str(root), "dpkg-divert", "--quiet", "--local", "--no-rename", *arguments])


def place(root: Path, files: dict[str, tuple[str, int]], links: dict[str, str]) -> None:
    """Write files (content and mode) and symbolic links into the system below `root`."""
    for where, (content, mode) in files.items():
        _make_way(root / where)
        (root / where).write_text(content, encoding="utf-8")
        (root / where).chmod(mode)
    for where, target in links.items():
        _make_way(root / where)
        (root / where).symlink_to(target)


def _make_way(path: Path) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
