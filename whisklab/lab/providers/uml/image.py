"""The disk image of hosts with their own kernel, made of the image of the other hosts."""

from __future__ import annotations

from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.lab.common.removal import remove_tree
from whisklab.lab.common.run import Report, run
from whisklab.lab.providers.nspawn import image
from whisklab.lab.providers.nspawn.image import digest, root_of
from whisklab.lab.providers.nspawn.image_files import (
    DIVERTED,
    REPOSITORY_PACKAGES,
    WITHOUT_NFS_CLIENT,
)
from whisklab.lab.providers.uml import image_files

RECIPE = 1  # counts changes of how it is made that the recipe below does not show
SIZE = 8 << 30  # bytes; sparse, so it takes what is in it
ACCOUNTS = ("passwd", "group", "shadow", "gshadow")  # read when a host's user is added
_MODULES = Path("/usr/lib/uml/modules")  # of Debian's package user-mode-linux
_DISK = "disk.img"


def disk_of(name: str) -> Path:
    """The disk that hosts of this image begin with; it is never written to."""
    return root_of(name).parent / _DISK


def recipe(base: str, kernel: str) -> dict[str, object]:
    """Everything that decides what is in an image.

    Args:
        base: the digest of the image that it is made of.
        kernel: the version of the User-mode Linux kernel.
    """
    return {
        "recipe": RECIPE,
        "base": base,
        "kernel": kernel,
        "size": SIZE,
        "files": image_files.FILES,
        "links": image_files.LINKS,
        "alternatives": image_files.ALTERNATIVES,
        "removed": image_files.REMOVED,
        "deployed": image_files.DEPLOYED,
    }


def ensure(base: str, report: Report) -> str:
    """Make the image on top of the image `base`, unless it is there; return its digest.

    The caller holds the lock of images.

    Raises:
        WhisklabError: User-mode Linux has no modules here, or the build failed.
    """
    kernels = sorted(path.name for path in _MODULES.glob("*"))
    if not kernels:
        raise WhisklabError(f"{_MODULES} has no kernel modules: reinstall user-mode-linux")
    wish = recipe(base, kernels[-1])
    name = digest(wish)
    if not disk_of(name).is_file():
        report("making the image of hosts with their own kernel, once")
        with image.building(name, wish, report) as directory:
            _build(directory, base, kernels[-1])
    return name


def _build(directory: Path, base: str, kernel: str) -> None:
    tree = directory / "tree"
    run(["cp", "--archive", str(root_of(base)), str(tree)])
    (tree / "usr/lib/modules").mkdir(exist_ok=True)
    run(["cp", "--archive", str(_MODULES / kernel), str(tree / "usr/lib/modules")])
    run(["chroot", str(tree), "depmod", kernel])
    for name, program in image_files.ALTERNATIVES.items():
        run(["chroot", str(tree), "update-alternatives", "--set", name, program])
    _install_dependencies(tree)
    for where in (*image_files.REMOVED, *WITHOUT_NFS_CLIENT):  # this kernel has one
        (tree / where).unlink(missing_ok=True)
    for path in DIVERTED:
        image.divert(tree, "--remove", path)
    image.place(tree, image_files.FILES, image_files.LINKS)
    accounts = directory / "root/etc"
    accounts.mkdir(mode=0o755, parents=True)
    for file in ACCOUNTS:
        run(["cp", "--archive", str(tree / "etc" / file), str(accounts)])
    disk = directory / _DISK
    with disk.open("wb") as sparse:
        sparse.truncate(SIZE)
    run(["mkfs.ext4", "-q", "-F", "-d", str(tree), str(disk)])
    remove_tree(tree, directory)


def _install_dependencies(tree: Path) -> None:
    """Install what DEPLOYED need, but nothing that a deploy would install by name."""
    apt = [
        *image.ENDS_WITH_US, "chroot", str(tree), "env", "DEBIAN_FRONTEND=noninteractive",
        "apt-get", "-qq", "--yes", "--no-install-recommends", "install",
    ]  # fmt: skip
    needed = dependencies(run([*apt, "--simulate", *image_files.DEPLOYED]))
    no_service = tree / "usr/sbin/policy-rc.d"  # it would start on this machine
    no_service.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    no_service.chmod(0o755)
    run([*apt, *needed])
    no_service.unlink()


def dependencies(simulated: str) -> list[str]:
    """The packages of a simulated installation that no deploy names. Pure."""
    installed = [line.split()[1] for line in simulated.splitlines() if line.startswith("Inst ")]
    return [name for name in installed if name not in REPOSITORY_PACKAGES]
