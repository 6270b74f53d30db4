"""Programs of the machine that the provider runs, and the packages they come from."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from whisklab.errors import WhisklabError
from whisklab.lab.common import apt
from whisklab.lab.common.run import Report, environment, run_long

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "umount": "mount",
    "sysctl": "procps",
}
PATIENCE = 300  # seconds for another apt
FOR_INTERNET = {"slirp4netns": "slirp4netns", "nft": "nftables"}


def missing(programs: Mapping[str, str], path: str) -> list[str]:
    """The packages of the programs that are not in `path`."""
    absent = [package for name, package in programs.items() if not shutil.which(name, path=path)]
    return sorted(set(absent))


def ensure(programs: Mapping[str, str], report: Report) -> None:
    """Install the missing packages of these programs with apt.

    Raises:
        WhisklabError: there is no apt, or it failed; names the packages.
    """
    path = environment()["PATH"]
    packages = missing(programs, path)
    if not packages:
        return
    wish = " ".join(packages)
    if not shutil.which("apt-get", path=path):
        raise WhisklabError(f"the embedded lab needs these packages, please install them: {wish}")
    report(f"installing {wish}")
    # Another lab that comes up for the first time, or the machine itself, may be installing too.
    patience = ["-o", f"DPkg::Lock::Timeout={PATIENCE}"]
    install = ["apt-get", *patience, "install", "--yes", "--no-install-recommends", *packages]
    try:
        run_long(install, report)
    except WhisklabError:
        apt.update(report)  # lists may be missing or old
        run_long(install, report)
