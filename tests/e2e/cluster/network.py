"""What a bundle is made of: the lab's own artifacts, served as a network has them."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploys.base.settings import BaseSettings
from tests.contract.bundle.debs import DebArchive
from tests.contract.bundle.upstream import Upstream
from tests.contract.registry.making import Made
from tests.e2e.cluster.site import Site
from whisklab.lab.providers.nspawn.image_files import REPOSITORY
from whisklab.lab.standins.cache import architecture

# A package that nobody else has, what it depends on, and what hosts have already.
WANTED, LIBRARY = "whisklab-probe", "whisklab-probe-lib"
THERE = ("curl", "python3")
HOST = "worker1"
BASE = BaseSettings().packages
_RELATIONS = re.compile(r"^(?:Pre-)?Depends: (.*)$", re.MULTILINE)
_NAME = re.compile(r"(?:^|[,|] *)([a-z0-9][a-z0-9+.-]+)")


def images(archive: Path) -> Iterator[tuple[str, str, Made]]:
    """The repository, tag and content of each image of an OCI archive."""
    with tarfile.open(archive) as opened:
        files = {each.name: file.read() for each in opened if (file := opened.extractfile(each))}

    def blob(digest: str) -> bytes:
        return files[f"blobs/{digest.replace(':', '/')}"]

    for entry in json.loads(files["index.json"])["manifests"]:
        _, _, name = entry["annotations"]["io.containerd.image.name"].partition("/")
        repository, _, tag = name.rpartition(":")
        manifest = blob(entry["digest"])
        found = json.loads(manifest)
        parts = [found["config"], *found["layers"]]
        blobs = {each["digest"]: blob(each["digest"]) for each in parts}
        yield repository, tag, Made(manifest, blobs, architecture())


def served(upstream: Upstream, catalogue: dict[str, Any]) -> dict[str, Any]:
    """The lab's catalogue with addresses of the network; its images are in a registry there."""
    for product, found in catalogue.items():
        for version, names in found["versions"].items():
            for each in names.pop("images", {}).values():
                for repository, tag, image in images(path_of(each)):
                    upstream.put(repository, tag, image)
            for name, kinds in names.items():
                for each in kinds.values():
                    path = path_of(each)
                    there = f"/{product}/{version}/{name}/{path.name}"
                    upstream.files[there] = path.read_bytes()
                    each["url"] = f"{upstream.url}{there}"
    return catalogue


def packages(site: Site, upstream: Upstream, directory: Path) -> DebArchive:
    """An archive with what deploys install, as the lab's image has it for apt.

    What these depend on and each host has is there by name and version only: nobody installs it.
    """
    found = DebArchive(upstream, directory)
    found.add(WANTED, "1:1.0~a+b", Depends=f"{LIBRARY} (>= 2)")
    found.add(LIBRARY, "2", Architecture=architecture())
    for path in fetched(site, directory / "image"):
        found.keep(path)
    stanzas = "\n".join(found.stanzas.values())
    named = {each for line in _RELATIONS.findall(stanzas) for each in _NAME.findall(line)}
    for name, version, provides in installed(site):
        wanted = named | {*BASE, *THERE}
        if wanted & {name, *_NAME.findall(provides)} and f"Package: {name}\n" not in stanzas:
            found.add(name, version, **({"Provides": provides} if provides else {}))
    found.publish(architectures=[architecture()])
    return found


def fetched(site: Site, directory: Path) -> list[Path]:
    """The packages that the lab's image has for apt."""
    directory.mkdir(parents=True)
    argv = [*site.ssh_command(HOST), "tar", "-C", f"/{REPOSITORY}", "-cf", "-", "."]
    sent = subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(sent)) as archive:
        archive.extractall(directory, filter="data")
    return sorted(directory.glob("*.deb"))


def installed(site: Site) -> list[list[str]]:
    """Name, version and what it provides of each package of a host."""
    form = r"${Package}\t${Version}\t${Provides}\n"
    lines = site.ssh(HOST, "dpkg-query", "-W", "-f", form).splitlines()
    return [line.split("\t") for line in lines]


def path_of(artifact: dict[str, str]) -> Path:
    return Path(artifact["url"].removeprefix("file://"))
