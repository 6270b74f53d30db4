"""Programs of the machine's own distribution, for images: fetched and unpacked, not installed."""

from __future__ import annotations

import fnmatch
import os
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.lab.common import apt
from whisklab.lab.common.run import Report
from whisklab.lab.standins.layers import put_directory, put_file, put_link

# What no program needs to run.
_DROPPED = (
    "boot", "home", "run", "var/lib/dpkg", "usr/share/bash-completion", "usr/share/bug",
    "usr/share/doc", "usr/share/doc-base", "usr/share/info", "usr/share/lintian",
    "usr/share/locale", "usr/share/man", "usr/lib/*/gconv", "usr/lib/python3.*/idlelib",
    "usr/lib/python3.*/lib2to3", "usr/lib/python3.*/pydoc_data", "usr/lib/python3.*/test",
    "usr/lib/python3.*/turtledemo", "usr/share/common-licenses", "usr/share/nodejs/@types",
)  # fmt: skip
_MERGED = ("bin", "lib", "lib64", "sbin")  # /bin is /usr/bin, whatever the release says
_PROGRAMS = ("bin", "sbin", "usr/bin", "usr/sbin")
_AUTHORITIES = "usr/share/ca-certificates"
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def busybox(work: Path, report: Report) -> Path:
    """Unpack the distribution's static busybox below ``work``; needs no root.

    Raises:
        WhisklabError: apt could not fetch it.
    """
    return _found(unpacked(work / "busybox", ["busybox-static"], report), "bin/busybox")


def unpacked(room: Path, packages: Sequence[str], report: Report) -> Path:
    """Fetch packages and all that they need, and unpack them below ``room/root``; needs no root.

    Raises:
        WhisklabError: apt could not fetch them.
    """
    (room / "partial").mkdir(parents=True)
    (room / "status").touch()  # as if nothing were installed: what is needed comes too
    options = {
        "Dir::State::status": room / "status",
        "Dir::Cache::archives": room,
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
    }
    said = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    fetch = ["apt-get", *said, "--yes", "--download-only", "install", *packages]
    problem = f"{', '.join(packages)} cannot be fetched, try `sudo apt-get update`"
    try:
        _run(room, problem, fetch)
    except WhisklabError:
        if os.geteuid() != 0:
            raise
        _update(problem, report)  # a fresh machine has no lists yet
        _run(room, problem, fetch)
    root = room / "root"
    root.mkdir()
    for package in sorted(room.glob("*.deb")):
        _run(room, problem, ["dpkg-deb", "-x", str(package), str(root)])
    return root


def _update(problem: str, report: Report) -> None:
    try:
        apt.update(report)
    except WhisklabError as error:
        raise WhisklabError(f"{problem} ({error})") from None


def commands(program: Path) -> list[str]:
    """Return the names under which a busybox is other programs."""
    listed = subprocess.run([str(program), "--list"], capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split() if name != "busybox"]


def link_busybox(root: Path) -> None:
    """Have busybox stand in for each program that the tree lacks."""
    present = {path.name for place in _PROGRAMS for path in (root / place).glob("*")}
    for name in set(commands(_found(root, "bin/busybox"))) - present:
        (root / "usr" / "bin" / name).symlink_to("busybox")


def compile_python(root: Path) -> None:
    """Compile the library of the Python below ``root`` by itself, which needs no root.

    A program starts in a fifth of the time with it; a container could not keep it.

    Raises:
        WhisklabError: it does not start.
    """
    loaders = [*root.glob("lib/*/ld-linux-*.so.*"), *root.glob("usr/lib/*/ld-linux-*.so.*")]
    if not loaders:
        raise WhisklabError(f"the Python below {root} has no loader: it cannot be started")
    libraries = ":".join(str(path) for lib in ("lib", "usr/lib") for path in root.glob(f"{lib}/*/"))
    for library in root.glob("usr/lib/python3.*"):
        program = root / "usr" / "bin" / library.name
        # -f: what the compiler itself has loaded it has written already, by time, and a layer has
        # other times.
        argv = [
            *(str(loaders[0]), "--library-path", libraries, str(program), "-s", "-S"),
            *("-m", "compileall", "-f", "-q", "-s", str(root), "-p", "/"),
            *("--invalidation-mode", "unchecked-hash", str(library)),
        ]
        _run(root, "the library of Python cannot be compiled", argv, PYTHONHOME=str(root / "usr"))


def write_layer(root: Path, out: Path) -> None:
    """Write the tree below ``root`` as a layer, without what no program needs.

    The same packages give the same bytes.
    """
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as layer:
        put_directory(layer, "usr")
        for name in _MERGED:
            put_directory(layer, f"usr/{name}")
            put_link(layer, name, f"usr/{name}")
        for name, path in sorted(_wanted(root).items()):
            if path.is_symlink():
                put_link(layer, name, str(path.readlink()))
            elif path.is_dir():
                put_directory(layer, name)
            else:
                put_file(layer, name, path.read_bytes(), path.stat().st_mode & 0o777)
        for name, data in _made(root).items():
            put_file(layer, name, data, 0o644)


def _found(root: Path, name: str) -> Path:
    """A file that newer releases have below /usr."""
    return root / name if (root / name).is_file() else root / "usr" / name


def _wanted(root: Path) -> Mapping[str, Path]:
    """What goes into a layer, by its name there."""
    wanted: dict[str, Path] = {}
    done = {*_FILES, "usr", *(f"usr/{name}" for name in _MERGED), *_MERGED}
    for path in _walk(root, root):
        name = path.relative_to(root).as_posix()
        place = f"usr/{name}" if name.partition("/")[0] in _MERGED else name
        if place not in done:
            wanted.setdefault(place, path)
    return wanted


def _walk(directory: Path, root: Path) -> Iterator[Path]:
    for path in directory.iterdir():
        name = path.relative_to(root).as_posix()
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in _DROPPED):
            yield path
            if path.is_dir() and not path.is_symlink():
                yield from _walk(path, root)


def _made(root: Path) -> Mapping[str, bytes]:
    """What packages would have made when they were installed."""
    authorities = sorted((root / _AUTHORITIES).rglob("*.crt"))
    made = {name: text.encode() for name, text in _FILES.items()}
    return made | {
        "etc/ssl/certs/ca-certificates.crt": b"".join(path.read_bytes() for path in authorities)
    }


def _run(room: Path, problem: str, argv: Sequence[str], **environment: str) -> None:
    program = Path(argv[0]).name
    env = os.environ | environment
    try:
        done = subprocess.run(argv, cwd=room, env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise WhisklabError(f"{problem}: {program} is needed: {error}") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WhisklabError(f"{problem} ({program}: {last})")
