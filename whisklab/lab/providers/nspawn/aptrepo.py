"""The package repository inside the image: hosts without a network still install for real."""

from __future__ import annotations

import hashlib
from pathlib import Path

from whisklab.lab.common.run import Report, run, run_long

SOURCES_FORMAT = "$(ORIGIN)|deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
_CHUNK = 1 << 20


def machine_sources(distribution: str) -> str:
    """The machine's own sources of the distribution's packages, one `deb` line each.

    Other origins (a vendor's repository) are left out. Empty when the package lists were never
    fetched, since only they tell the origin.
    """
    lines = run(["apt-get", "indextargets", "--format", SOURCES_FORMAT, "Created-By: Packages"])
    return pick_sources(lines, distribution)


def pick_sources(lines: str, distribution: str) -> str:
    """The `deb` lines of `distribution` among lines of SOURCES_FORMAT, each once."""
    picked: dict[str, None] = {}
    for line in lines.splitlines():
        origin, _, source = line.partition("|")
        if origin.lower() == distribution.lower():
            picked[source] = None
    return "".join(f"{source}\n" for source in picked)


def download(root: Path, repository: Path, packages: tuple[str, ...], report: Report) -> None:
    """Fetch packages and what they need beyond what is installed in `root`, with the machine's apt.

    `root` still has the package lists it was made with.
    """
    (repository / "partial").mkdir(parents=True)
    options = {
        "Dir": root,
        "Dir::State::status": root / "var/lib/dpkg/status",
        "Dir::Cache::archives": repository,
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "root",
        "APT::Install-Recommends": "false",
    }
    said = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
    run_long(["apt-get", *said, "--yes", "--download-only", "install", *packages], report)
    (repository / "partial").rmdir()
    (repository / "lock").unlink(missing_ok=True)


def index(repository: Path) -> None:
    """Write the repository's Packages file."""
    stanzas = [_stanza(package) for package in sorted(repository.glob("*.deb"))]
    (repository / "Packages").write_text("\n".join(stanzas), encoding="utf-8")


def _stanza(package: Path) -> str:
    control = run(["dpkg-deb", "--field", str(package)]).strip()
    digest = hashlib.sha256()
    with package.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return (
        f"{control}\nFilename: ./{package.name}\nSize: {package.stat().st_size}\n"
        f"SHA256: {digest.hexdigest()}\n"
    )
