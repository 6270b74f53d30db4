"""An environment as `whisklab bundle` sees it: its data, without a machine being connected."""

from __future__ import annotations

import whisklab.engine.run.start  # noqa: F401  # isort: skip  patches the standard library, must be first

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deploys import declared
from whisklab.bundle import contents as bundled
from whisklab.bundle import tool, tooling
from whisklab.bundle.accounts import Account
from whisklab.bundle.contents import Contents
from whisklab.bundle.image_lock import ImageLock
from whisklab.bundle.items import Sources
from whisklab.bundle.laptops import named
from whisklab.bundle.manifest import Laptop
from whisklab.bundle.older import Older
from whisklab.bundle.package_source import PackageSource
from whisklab.bundle.upstream import Upstream
from whisklab.engine.artifacts.catalogue import lock_of
from whisklab.engine.artifacts.downloads import Report
from whisklab.engine.data.machine import ARCHITECTURES, Machine
from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.debian import own
from whisklab.engine.debian.lock import PackageLock
from whisklab.engine.debian.sources import SYSTEM
from whisklab.engine.needs.needed import Scope, together
from whisklab.engine.needs.settings import BundleSettings
from whisklab.engine.registries.named import password
from whisklab.engine.run import session
from whisklab.engine.run.environment import current
from whisklab.errors import BadInput


@dataclass(frozen=True)
class Site:
    """An environment.

    Attributes:
        contents: what a bundle of it must hold.
        sources: where images and packages come from.
        lock: of the images.
        store: its secrets.
    """

    contents: Contents
    sources: Sources
    lock: ImageLock
    store: SecretStore


def site_of(
    environment: str, architectures: Sequence[str], systems: Sequence[str], report: Report,
    older: Older | None = None, laptops: Sequence[Laptop] = (),
) -> Site:  # fmt: skip
    """Return an environment; charts are fetched and rendered, wheels are fetched.

    Args:
        environment: its name.
        architectures: of the machines that the bundle is for.
        systems: of the machines whose packages it is to have.
        report: hears of the progress.
        older: bundles in which images and packages are looked for first.
        laptops: inside, that it is for.

    Raises:
        BadInput: its data are wrong, or the catalogue or a chart is not fit for a bundle.
        WhisklabError: something that is needed to know the contents cannot be had.
    """
    scope = Scope(session.open_inventory(environment), tuple(architectures))
    settings = BundleSettings.of(scope.leader)
    needs = together(each.needs(scope) for each in declared())
    catalogue = Path(Machine.of(scope.leader).catalogue)
    upstream = Upstream(settings.mirrors, report, older, accounts_of(settings, current().store))
    archives = {**own.lines(), **settings.packages} if systems else settings.packages
    packages = PackageSource(archives, PackageLock(catalogue), report, upstream.older)
    packages.require(systems)
    found = bundled.contents(
        needs, settings.images, settings.ignored, architectures, systems, report
    )
    images = ImageLock(catalogue)
    locks = [lock_of(catalogue), images.path, packages.lock.path]
    whole = replace(found, tool=tooling.wanted(Path.cwd(), laptops, locks, report))
    return Site(whole, Sources(upstream, packages), images, current().store)


def accounts_of(settings: BundleSettings, store: SecretStore) -> dict[str, Account]:
    """Return the accounts at registries that images are read from.

    Raises:
        BadInput: the laptop lacks the password of one.
    """
    files = {registry: f"upstream_{registry}" for registry in settings.accounts}
    return {
        registry: Account(
            name, password(store, files[registry], name, registry), str(store.path(files[registry]))
        )
        for registry, name in settings.accounts.items()
    }


def systems_of(text: str | None) -> list[str]:
    """Return what --system names; nothing where it was not given.

    Raises:
        BadInput: that is no system.
    """
    found = [each.strip() for each in text.split(",")] if text is not None else []
    wrong = [each for each in found if not re.fullmatch(SYSTEM, each)]
    if wrong:
        raise BadInput(
            f"--system: {', '.join(wrong)}: expected ID and VERSION_ID of /etc/os-release, such as "
            "debian-12"
        )
    return sorted(set(found))


def laptops_of(python: str | None, platform: str | None) -> list[Laptop]:
    """Return what --python and --laptop name, of this laptop what they do not; none if unknown.

    Raises:
        BadInput: they name others than there are, or whisklab cannot be carried from here.
    """
    found = named(python, platform)
    why = tool.why_none(Path.cwd())
    if why is not None and (python or platform):
        raise BadInput(
            f"--python, --laptop: {Path.cwd()}: a bundle cannot carry whisklab, as {why}: build "
            "in one, or leave these out"
        )
    return found


def architectures_of(text: str) -> list[str]:
    """Return what --arch names.

    Raises:
        BadInput: it names others than there are.
    """
    found = [each.strip() for each in text.split(",")]
    known = list(ARCHITECTURES.values())
    wrong = [each for each in found if each not in known]
    if wrong:
        raise BadInput(f"--arch: {', '.join(wrong)}: expected some of {', '.join(known)}")
    return sorted(set(found))
