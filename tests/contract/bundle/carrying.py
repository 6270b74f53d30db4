"""Bundles of a few images and files, built in this process; and their upload without a host.

As a program: bundle, public key, URL and authority of the registry, directory of remembered
uploads; the password comes on stdin. It verifies and uploads, and prints what was pushed, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import yaml

from tests.contract.bundle.changing import quiet
from tests.contract.bundle.upstream import Upstream
from tests.contract.registry.pushing import opened
from whisklab.bundle import building, keys, reading, uploading, verifying, volume
from whisklab.bundle import upstream as registries
from whisklab.bundle.contents import Contents, File
from whisklab.bundle.image_lock import ImageLock
from whisklab.bundle.items import Sources
from whisklab.bundle.manifest import Manifest
from whisklab.bundle.names import parse
from whisklab.bundle.older import Older
from whisklab.bundle.package_source import PackageSource
from whisklab.bundle.packages import Wanted as WantedPackages
from whisklab.bundle.pulling import Wanted
from whisklab.bundle.source import BundleSource
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.debian.lock import PackageLock
from whisklab.images.client import Registry
from whisklab.images.push import Push, Pushed

MIRRORED = ("docker.io", "quay.io", "registry.k8s.io", "ghcr.io")


@dataclass
class Builder:
    """Who builds, where there is a network.

    Attributes:
        directory: of catalogue, locks and bundles.
        upstream: the sources.
        archives: system to the lines of its archives of packages.
    """

    directory: Path
    upstream: Upstream
    archives: dict[str, list[str]] = field(default_factory=dict)

    @property
    def store(self) -> SecretStore:
        return SecretStore(self.directory / "secrets")

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.directory / "catalogue.yaml")

    def offer(self, files: Mapping[str, bytes]) -> None:
        """Have programs in the catalogue, by their names."""
        versions = {}
        for name, data in files.items():
            self.upstream.files[f"/{name}"] = data
            sha256 = hashlib.sha256(data).hexdigest()
            entry = {"url": f"{self.upstream.url}/{name}", "sha256": sha256}
            versions[name] = {"default": "v1", "versions": {"v1": {name: {"amd64": entry}}}}
        (self.directory / "catalogue.yaml").write_text(yaml.safe_dump(versions))

    def build(
        self,
        name: str,
        images: Sequence[str],
        architectures: Sequence[str] = ("amd64",),
        files: Sequence[str] = (),
        since: Path | None = None,
        split: int | None = None,
        packages: Sequence[WantedPackages] = (),
    ) -> Path:
        """Build a bundle; returns its path."""
        wanted = [Wanted(parse(each, "test"), tuple(architectures), ("test",)) for each in images]
        parts = [
            File(self.catalogue, self.catalogue.artifact(each, None, each, "amd64"), each, "amd64")
            for each in files
        ]
        path = self.directory / f"{name}.bundle"
        plan = building.Plan(
            "closed", list(architectures), keys.signer(self.store), path, split,
            reading.manifest_of(since) if since else None,
            sorted({each.system for each in packages}),
        )  # fmt: skip
        from_registries = registries.Upstream(dict.fromkeys(MIRRORED, self.upstream.url), quiet)
        sources = Sources(from_registries, self.packages(from_registries.older))
        lock = ImageLock(self.directory / f"{name}.yaml")  # tags are asked for anew
        contents = Contents(
            parts, [], sorted(wanted, key=lambda each: each.name), [], packages
        )  # fmt: skip
        building.build(plan, contents, sources, lock, quiet)
        return path

    def packages(self, older: Older) -> PackageSource:
        """Return where packages come from; the lock beside the catalogue has them."""
        lock = PackageLock(self.directory / "catalogue.yaml")
        return PackageSource(self.archives, lock, quiet, older)

    def manifest(self, bundle: Path) -> Manifest:
        """Verify a bundle of this builder; returns its manifest."""
        return verified(bundle, self.store.path(keys.PUBLIC))


def verified(bundle: Path, key: Path) -> Manifest:
    """Verify a bundle, with each byte; returns its manifest."""
    with volume.opened(bundle) as found:
        verdict = verifying.verify(found, keys.public(key), quiet, blobs=True)
    assert verdict.manifest is not None
    assert verdict.problems == []
    return verdict.manifest


def upload(bundle: Path, manifest: Manifest, registry: Registry, uploads: Path) -> list[Pushed]:
    """Upload the images of a verified bundle, as the verb does."""
    with volume.opened(bundle) as found:
        source = BundleSource(found, manifest)
        ready = uploading.ready(source, manifest, registry)
        push = Push(registry, source, uploads, quiet, ready.elsewhere)
        push.lacking(ready.targets)
        return push.run(ready.targets)


if __name__ == "__main__":
    file, public, url, ca, remembered = sys.argv[1:]
    there = opened(url, Path(ca), sys.stdin.readline().strip())
    done = upload(Path(file), verified(Path(file), Path(public)), there, Path(remembered))
    print(json.dumps([asdict(each) for each in done]))
