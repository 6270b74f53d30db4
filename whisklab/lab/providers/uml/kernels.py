"""The kernels of hosts with their own: Debian's newest User-mode Linux, unpacked, not installed.

From 6.16 on its processes are driven by seccomp instead of ptrace, which halves what each costs:
300 times /bin/true took 4.1 s on 6.1 of Debian 12, 2.9 s on 6.12 of Debian 13, 1.9 s on 7.2, and
ten times `sshd -T` 0.9, 0.7 and 0.35 s. So one is fetched from Debian's suite `sid`, with the C
library it is linked with; where that cannot be had, the release's own package is taken.
"""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.lab.common.release import parse_os_release
from whisklab.lab.common.removal import remove_tree
from whisklab.lab.common.run import DETAIL, Report, run, run_long
from whisklab.lab.providers.nspawn import aptrepo, requirements
from whisklab.lab.providers.nspawn.layout import KERNELS

PACKAGE, LIBRARY = "user-mode-linux", "libc6"
SUITE, SINCE = "sid", (6, 16)
PROGRAM = "linux.uml"
LIBRARIES = ("ld-linux-x86-64.so.2", "libc.so.6")  # what the program is linked with, of LIBRARY
_BUILDING = ".fetching"
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCE = re.compile(r"deb (?P<uri>\S+) (?P<suite>[a-z]+) main")


@dataclass(frozen=True)
class Kernel:
    """A kernel that is there.

    Attributes:
        version: as `uname -r` says it.
        root: of the unpacked packages; `/` when they are installed.
    """

    version: str
    root: Path

    @property
    def program(self) -> Path:
        """The kernel, which is a program."""
        return self.root / "usr/bin" / PROGRAM

    @property
    def modules(self) -> Path:
        """The directory with its modules."""
        return _modules(self.root) / self.version

    @property
    def libraries(self) -> list[Path]:
        """The C library that it needs; none when it is this machine's."""
        if self.root == Path("/"):
            return []
        return [path for name in LIBRARIES for path in self.root.glob(f"usr/lib/*/{name}")]


def known() -> Kernel | None:
    """The kernel that is here already: a fetched one before the installed one."""
    fetched = KERNELS.glob("[0-9]*") if KERNELS.is_dir() else ()
    found = [kernel for root in fetched for kernel in _in(root)]
    return max(found or _in(Path("/")), key=lambda kernel: numbers(kernel.version), default=None)


def best(report: Report) -> Kernel:
    """The kernel to make an image with, fetched or installed if need be. The caller holds a lock.

    Raises:
        WhisklabError: neither is possible.
    """
    found = known()
    if found and numbers(found.version) >= SINCE:
        return found
    try:
        return _fetched(report)
    except WhisklabError as error:
        report(f"{DETAIL}{PACKAGE} of {SUITE} is not to be had: {error}")
        report("taking the release's own User-mode Linux: hosts with it are slower than others")
    requirements.ensure({PROGRAM: PACKAGE}, report)
    if found := known():
        return found
    raise WhisklabError(f"{_modules(Path('/'))} has no kernel modules: reinstall {PACKAGE}")


def numbers(version: str) -> tuple[int, ...]:
    """What versions are compared by. Pure."""
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def source(lines: str) -> str:
    """Return the line of apt for SUITE, of the mirror that this machine uses. Pure.

    Args:
        lines: the machine's own `deb` lines.

    Raises:
        WhisklabError: there is no mirror with whole releases.
    """
    for line in lines.splitlines():
        if found := _SOURCE.fullmatch(line.strip()):
            return f"deb [signed-by={_KEYS}] {found['uri']} {SUITE} main\n"
    raise WhisklabError("apt knows no source of Debian's own packages")


def _modules(root: Path) -> Path:
    return root / "usr/lib/uml/modules"


def _in(root: Path) -> list[Kernel]:
    return [Kernel(path.name, root) for path in _modules(root).glob("*")]


def _fetched(report: Report) -> Kernel:
    release = parse_os_release(Path("/etc/os-release").read_text(encoding="utf-8"))
    if (release.distribution, platform.machine()) != ("debian", "x86_64"):
        raise WhisklabError(f"this is {release.distribution} on {platform.machine()}")
    report(f"fetching {PACKAGE} of Debian {SUITE}, once")
    room = KERNELS / _BUILDING
    remove_tree(room, KERNELS)
    root, lists = room / "root", room / "lists"
    for directory in (root, lists / "partial", room / "archives/partial"):
        directory.mkdir(parents=True)
    (room / "sources.list").write_text(source(aptrepo.machine_sources("debian")), encoding="ascii")
    options = {
        "Dir::Etc::SourceList": room / "sources.list",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": lists,
        "Dir::Cache": room,
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    apt = [
        "apt-get",
        *(word for key, value in options.items() for word in ("-o", f"{key}={value}")),
    ]
    run_long([*apt, "update", "--error-on=any"], report)
    run_long([*apt, "download", PACKAGE, LIBRARY], report, cwd=room)
    for package in sorted(room.glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(root)])
    kernel = _checked(root)
    place = KERNELS / kernel.version
    remove_tree(place, KERNELS)
    root.rename(place)
    remove_tree(room, KERNELS)
    return Kernel(kernel.version, place)


def _checked(root: Path) -> Kernel:
    for kernel in _in(root):
        whole = kernel.program.is_file() and len(kernel.libraries) == len(LIBRARIES)
        if whole and numbers(kernel.version) >= SINCE:
            return kernel
    raise WhisklabError(f"{PACKAGE} and {LIBRARY} of {SUITE} hold no kernel that fits")
