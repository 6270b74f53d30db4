"""Packages of a bundle on a machine of a closed network: real apt and dpkg, with its own database.

The machine's dpkg knows what a test has installed there and nothing else; its source is nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from tests.contract.bundle.debs import built
from tests.contract.resources.laptop import Remembering, Way, a_way
from tests.contract.test_base_operations import NOTHING, Outcome, refused
from whisklab.engine.cache import cached, sha256_of
from whisklab.engine.data.machine import Machine
from whisklab.engine.debian.lock import PackageLock
from whisklab.engine.debian.package import Package
from whisklab.engine.resources import carried, packages

OWN = ("/opt", "/run", "/var/lib", "/var/cache", "/var/log", "/etc/apt")


class Site:
    """A laptop with a lock of packages, and a machine.

    Attributes:
        way: to the machine.
        debs: where packages are made.
        lock: of them.
    """

    def __init__(self, root: Path, way: Way) -> None:
        self.way, self.debs = way, root / "debs"
        self.catalogue = root / "catalogue.yaml"
        self.lock = PackageLock(self.catalogue)
        told = way.machine.sees(
            'of() { sed -n "s/[\\"\']//g; s/^$1=//p" /etc/os-release; }; '
            'echo "$(of ID)-$(of VERSION_ID)"; dpkg --print-architecture'
        )
        self.system, self.architecture = told.stdout.split()  # fmt: skip

    def offer(self, name: str, version: str, **fields: str) -> Package:
        """Have a package in the lock and in the laptop's cache."""
        path = built(self.debs, name, version, **fields)
        sha256 = sha256_of(path)
        found = Package(
            name=name, version=version, source="http://archive.example/debian",
            file=f"pool/{path.name}", size=path.stat().st_size, sha256=sha256,
            depends=fields.get("Depends", ""), provides=fields.get("Provides", ""),
        )  # fmt: skip
        place = cached(sha256, path.name)
        place.parent.mkdir(parents=True)
        place.write_bytes(path.read_bytes())
        self.lock.add(self.system, self.architecture, [found])
        return found

    def has(self, name: str, version: str, **fields: str) -> None:
        """Have a package on the machine that the bundle does not have."""
        path = built(self.debs / "theirs", name, version, **fields)
        done = self.way.machine.sees(f"dpkg --force-depends -i {path}")
        assert done.returncode == 0, done.stderr

    @property
    def installed(self) -> dict[str, str]:
        """What is installed, by dpkg."""
        form = "${db:Status-Status} ${Package} ${Version}\\n"
        told = self.way.machine.sees(f"dpkg-query -W -f '{form}'")
        rows = [line.split() for line in told.stdout.splitlines()]
        return {name: version for status, name, version in rows if status == "installed"}

    @property
    def pushed(self) -> list[str]:
        there = self.way.machine.at(carried.DIRECTORY)
        return sorted(each.name for each in there.iterdir()) if there.exists() else []

    def run(self, *names: str) -> Outcome:
        return self.way.machine.run(packages.installed, names=list(names))

    def fetch(self, *names: str) -> Outcome:
        """Nothing is ever changed on the machine for it."""
        before = self.way.machine.tree()
        outcome = self.way.machine.run(packages.fetched, names=list(names))
        assert self.way.machine.tree() == before
        return outcome


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    way = a_way(tmp_path, monkeypatch)
    way.machine = Remembering(tmp_path, *OWN)
    for directory in ("/var/lib/dpkg/info", "/var/lib/dpkg/updates", "/var/lib/dpkg/triggers",
                      "/var/lib/apt/lists/partial", "/var/cache/apt/archives/partial",
                      "/var/log/apt", "/etc/apt/sources.list.d", "/etc/apt/apt.conf.d",
                      "/etc/apt/preferences.d"):  # fmt: skip
        way.machine.at(directory).mkdir(parents=True)
    way.machine.put("/var/lib/dpkg/status", "")
    way.machine.put("/var/lib/dpkg/available", "")
    way.machine.put("/etc/apt/apt.conf.d/test", 'Acquire::Retries "0";\n')
    way.machine.put("/etc/apt/sources.list", "deb [trusted=yes] http://127.0.0.1:9/debian x main\n")

    def tried(_: Host, command: StringCommand) -> tuple[bool, list[str]]:
        done = way.machine.sees(command.get_raw_value())
        return not done.returncode, done.stdout.splitlines()

    monkeypatch.setattr(packages, "tried", tried)
    made = Site(tmp_path, way)
    data = Machine(node_address="192.0.2.1", catalogue=str(made.catalogue), offline=True)
    monkeypatch.setattr(Machine, "of", lambda _: data)
    return made


def words(outcome: Outcome) -> list[str]:
    """The program of each command, or the last of its words that tell."""
    found = []
    for each in outcome.yielded:
        if each == ["fail"]:
            found.append("laptop")
        else:
            found += [one for one in ("--configure", "update", "install", "rmdir") if
                      any(one in word for word in each)]  # fmt: skip
    return found


def reasons(outcome: Outcome) -> list[str]:
    return [each.text for each in outcome.why]


def test_what_lacks_is_installed_with_what_it_depends_on_and_nobody_is_asked(site: Site) -> None:
    site.offer("nfs", "1:2.0+b~1", Depends="lib (= 1:2.0+b~1), rpc | portmap")
    site.offer("lib", "1:2.0+b~1")
    site.offer("portmap", "6")
    site.offer("unwanted", "1")
    before = site.way.machine.at("/etc/apt/sources.list").read_text()
    outcome = site.run("nfs", "lib")
    assert (outcome.failed, outcome.said) == (False, [])
    assert site.installed == {"nfs": "1:2.0+b~1", "lib": "1:2.0+b~1", "portmap": "6"}
    assert reasons(outcome) == [
        "not installed: lib, nfs",
        "from the bundle: lib 1:2.0+b~1, nfs 1:2.0+b~1, portmap 6",
    ]
    assert words(outcome) == ["--configure", *["laptop"] * 4, "install", "rmdir"]
    assert site.way.machine.at("/opt/nfs").read_text() == "1:2.0+b~1\n"
    assert not site.way.machine.at(carried.DIRECTORY).exists()
    assert site.way.machine.at("/etc/apt/sources.list").read_text() == before
    assert site.run("nfs", "lib") == NOTHING
    assert site.fetch("nfs", "lib") == NOTHING


def test_what_a_machine_has_already_is_left_as_it_is(site: Site) -> None:
    """A newer library, and the other one of two alternatives."""
    site.offer("nfs", "2", Depends="lib (>= 2), rpc | portmap, old (>= 2)")
    for name in ("lib", "rpc", "old"):
        site.offer(name, "2")
    site.has("lib", "3")
    site.has("portmap", "1")
    site.has("old", "1")
    assert not site.run("nfs").failed
    assert site.installed == {"nfs": "2", "lib": "3", "portmap": "1", "old": "2"}


def test_a_machine_that_is_newer_than_the_bundle_is_refused_before_anything_is_changed(
    site: Site,
) -> None:
    site.offer("nfs", "2", Depends="lib (= 2)")
    site.offer("lib", "2")
    site.has("lib", "3")
    said = (
        "this machine -> nfs 2 wants lib (= 2), and lib 3 is installed: the machine is newer than "
        f"the bundle: build one with today's packages (remove {site.system} from {site.lock.path})"
    )
    for outcome in (site.fetch("nfs"), site.run("nfs")):
        assert outcome.failed
        assert outcome.said == [said] * 2  # in the plan, and in the run
    assert site.installed == {"lib": "3"}


def test_what_apt_refuses_is_said_with_the_packages_name(site: Site) -> None:
    """Relations that only apt looks at: what another package cannot bear."""
    site.offer("nfs", "2", Conflicts="theirs")
    site.has("theirs", "1")
    outcome = site.run("nfs")
    assert outcome.failed
    (said,) = outcome.said
    assert said.startswith("nfs: cannot be installed from the bundle, apt says: ")
    assert "theirs" in said
    assert said.endswith("none was installed")
    assert site.installed == {"theirs": "1"}
    assert len(site.pushed) == 1
    # What was pushed is not pushed again; what is put right goes on, and removes it.
    assert site.way.machine.sees("dpkg -r theirs").returncode == 0
    assert words(site.run("nfs")) == ["--configure", "laptop", "install", "rmdir"]
    assert (site.installed, site.pushed) == ({"nfs": "2"}, [])


def test_a_file_that_was_damaged_on_its_way_is_not_installed(site: Site) -> None:
    site.offer("nfs", "2")
    site.way.brings = lambda data: data[:-1]
    outcome = site.run("nfs")
    assert outcome.failed
    assert "nfs 2 (nfs_2_all.deb) could not be put at" in outcome.said[0]
    assert (site.installed, site.pushed) == ({}, [])
    site.way.brings = lambda data: data
    assert not site.run("nfs").failed


@pytest.mark.parametrize("missing", ["nfs", "lib"])
def test_what_the_lock_lacks_is_said_before_anything_is_changed(site: Site, missing: str) -> None:
    if missing == "lib":
        site.offer("nfs", "2", Depends="lib")
    site.offer("other", "1")
    chain = "this machine -> nfs 2" if missing == "lib" else "this machine"
    for outcome in (site.fetch("nfs"), site.run("nfs")):
        assert outcome.failed
        assert outcome.said[0] == (
            f"{chain} wants {missing}, and {site.lock.path} has none: build the bundle for it "
            f"(--system {site.system} --arch {site.architecture}) and upload it, or install them "
            "yourself"
        )
    assert site.installed == {}


def test_a_system_that_the_lock_lacks(site: Site) -> None:
    site.system, kept = "ubuntu-1.04", site.system
    site.offer("nfs", "2")
    for outcome in (site.fetch("nfs", "jq"), site.run("nfs", "jq")):
        assert outcome.failed
        assert reasons(outcome) == [outcome.said[0]]
        assert outcome.said[0].startswith(
            f"not installed: jq, nfs; and {site.lock.path} has no packages of {kept} "
            f"{site.architecture}, only of ubuntu-1.04 {site.architecture}: build the bundle for it"
        )
    site.has("nfs", "1")
    assert site.fetch("nfs") == NOTHING


def test_without_a_lock_apt_asks_the_machines_own_sources(site: Site) -> None:
    """A mirror inside the network, as before there were packages in bundles."""
    assert site.fetch("nfs") == NOTHING
    outcome = site.run("nfs")
    assert outcome.failed
    assert words(outcome) == ["--configure", "update", "install"]


def test_a_network_that_is_not_closed_asks_no_lock(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.offer("nfs", "2")
    data = Machine(node_address="192.0.2.1", catalogue=str(site.catalogue))
    monkeypatch.setattr(Machine, "of", lambda _: data)
    assert site.fetch("nfs") == NOTHING
    assert words(site.run("nfs")) == ["--configure", "update", "install"]


def test_a_file_that_the_laptop_lacks_is_asked_for_before_the_machine_is_changed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = site.offer("nfs", "2")
    assert site.fetch("nfs") == NOTHING
    cached(package.sha256, "nfs_2_all.deb").unlink()
    asked: list[str] = []
    monkeypatch.setattr(packages, "fetch", lambda each: asked.append(str(each)))
    outcome = site.fetch("nfs")
    assert (outcome.yielded, reasons(outcome)) == ([["fail"]], ["nfs 2: not on this laptop"])
    assert asked == ["nfs 2 (nfs_2_all.deb)"]


def test_files_of_others_are_not_removed(site: Site) -> None:
    site.offer("nfs", "2")
    theirs = site.way.machine.put(f"{carried.DIRECTORY}/nfs_2_all.deb", "theirs")
    left = site.way.machine.put(f"{carried.DIRECTORY}/old-0123456789ab.deb", "of a run before")
    assert not site.run("nfs").failed
    assert (theirs.exists(), left.exists()) == (True, False)


@pytest.mark.parametrize("text", ["a\\tb", "installed\\ta\\tall\\t1\\t\\ta b\\t"])
def test_a_dpkg_whose_answer_is_not_understood_fails_the_machine(site: Site, text: str) -> None:
    site.offer("nfs", "2")
    answer = f"*Pre-Depends*) printf '{text}\\n';; *) exec /usr/bin/dpkg-query \"$@\";;"
    site.way.machine.stub("dpkg-query", f'case "$*" in {answer} esac')
    refused(site.way.machine, "DpkgStatus", packages.installed, names=["nfs"])


def lines(text: str) -> Sequence[str]:
    return text.strip("\n").splitlines()


SAID = """
Reading package lists...
Some packages could not be installed. This may mean that you have
The following packages have unmet dependencies:
 libfoo-dev : Depends: libfoo1 (= 1.0) but 2.0 is to be installed
              Conflicts: theirs
E: Unable to correct problems, you have held broken packages.
"""
REMOVED = """
The following additional packages will be installed:
  lib
The following packages will be REMOVED:
  theirs
The following NEW packages will be installed:
  nfs
E: Packages need to be removed but remove is disabled.
"""


SAID_OF = (
    "The following packages have unmet dependencies:; libfoo-dev : Depends: libfoo1 (= 1.0) but "
    "2.0 is to be installed; Conflicts: theirs; E: Unable to correct problems, you have held "
    "broken packages"
)
REMOVED_OF = (
    "The following packages will be REMOVED:; theirs; E: Packages need to be removed but remove is "
    "disabled"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SAID, SAID_OF),
        (REMOVED, REMOVED_OF),
        ("Error: Unable to satisfy dependencies.", "Error: Unable to satisfy dependencies"),
        ("odd", "odd"),
        ("", "nothing"),
    ],
)
def test_what_apt_says(text: str, said: str) -> None:
    assert f"apt says: {said}: put right" in carried.told(lines(text), ["nfs"])
