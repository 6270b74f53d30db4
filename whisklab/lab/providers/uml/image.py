"""The disk image of hosts with their own kernel, made of the image of the other hosts."""

from __future__ import annotations

import shutil
from pathlib import Path

from whisklab.lab.common.removal import remove_tree
from whisklab.lab.common.run import Report, run
from whisklab.lab.providers.nspawn import image
from whisklab.lab.providers.nspawn.image import digest, root_of
from whisklab.lab.providers.nspawn.image_files import (
    DIVERTED,
    REPOSITORY_PACKAGES,
    WITHOUT_NFS_CLIENT,
)
from whisklab.lab.providers.uml import image_files, kernels
from whisklab.lab.providers.uml.kernels import Kernel

RECIPE = 2  # counts changes of how it is made that the recipe below does not show
SIZE = 8 << 30  # bytes; sparse, so it takes what is in it
ACCOUNTS = ("passwd", "group", "shadow", "gshadow")  # read when a host's user is added
_DISK = "disk.img"
_KERNEL = "kernel"  # the directory with it and its libraries, unless it is installed


def disk_of(name: str) -> Path:
    """The disk that hosts of this image begin with; it is never written to."""
    return root_of(name).parent / _DISK


def kernel_of(name: str) -> tuple[str, list[Path]]:
    """Return the kernel that boots hosts of this image, and the C library to run it with."""
    directory = root_of(name).parent / _KERNEL
    if not directory.is_dir():
        return kernels.PROGRAM, []
    return str(directory / kernels.PROGRAM), [directory / each for each in kernels.LIBRARIES]


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
        WhisklabError: there is no kernel to be had, or the build failed.
    """
    kernel = kernels.known()
    if kernel is None or not disk_of(digest(recipe(base, kernel.version))).is_file():
        kernel = kernels.best(report)
    wish = recipe(base, kernel.version)
    name = digest(wish)
    if not disk_of(name).is_file():
        report("making the image of hosts with their own kernel, once")
        with image.building(name, wish, report) as directory:
            _build(directory, base, kernel)
    return name


def _build(directory: Path, base: str, kernel: Kernel) -> None:
    tree = directory / "tree"
    run(["cp", "--archive", str(root_of(base)), str(tree)])
    (tree / "usr/lib/modules").mkdir(exist_ok=True)
    run(["cp", "--archive", str(kernel.modules), str(tree / "usr/lib/modules")])
    run(["chroot", str(tree), "depmod", kernel.version])
    if any(kernel.modules.rglob(image_files.LEGACY)):
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
    for account in ACCOUNTS:
        run(["cp", "--archive", str(tree / "etc" / account), str(accounts)])
    disk = directory / _DISK
    with disk.open("wb") as sparse:
        sparse.truncate(SIZE)
    run(["mkfs.ext4", "-q", "-F", "-d", str(tree), str(disk)])
    remove_tree(tree, directory)
    if kernel.libraries:
        (directory / _KERNEL).mkdir()
        for file in (kernel.program, *kernel.libraries):
            shutil.copy2(file, directory / _KERNEL / file.name)


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
