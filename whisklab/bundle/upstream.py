"""Registries that images are fetched from: read into the laptop's cache.

What is fetched lies in the cache by its digest, so whoever was killed goes on where he was, and a
manifest is read once: upstreams count requests.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import httpx

from whisklab.bundle import asking
from whisklab.bundle.accounts import PLAIN, Account, Tokens
from whisklab.bundle.blobs import keep, place
from whisklab.bundle.names import DOCKER_HUB, ImageName
from whisklab.bundle.older import Older
from whisklab.engine.artifacts.downloads import Report, client, download
from whisklab.engine.artifacts.sources import DOCKER_HUB_API
from whisklab.errors import WhisklabError
from whisklab.images.answers import NOT_FOUND, OK, UNAUTHORIZED, Reply
from whisklab.images.manifests import ACCEPTED, LARGEST, digest_of


class Upstream:
    """The registries of a build.

    Args:
        mirrors: registry to the URL of one that is asked in its place.
        report: hears of the progress.
        older: bundles that are looked into first.
        accounts: by the registry, or the host of the mirror, that is asked by them.
    """

    def __init__(
        self, mirrors: Mapping[str, str], report: Report, older: Older | None = None,
        accounts: Mapping[str, Account] = MappingProxyType({}),
    ) -> None:  # fmt: skip
        self._mirrors, self._tell, self._accounts = mirrors, report, accounts
        self.older = older or Older([])
        self._is_stopped = False
        self._http: httpx.Client | None = None
        self._tokens = Tokens(self._client)
        self._lock = threading.Lock()

    def stop(self) -> None:
        """Have transfers of other threads end at their next report; what has come stays."""
        self._is_stopped = True

    def report(self, line: str) -> None:
        """Tell of the progress; the place where a stopped thread ends."""
        if self._is_stopped:
            raise WhisklabError("interrupted: run again, it continues there")
        self._tell(line)

    def url(self, name: ImageName, path: str) -> str:
        """Return the URL of a path below an image's repository."""
        return f"{self._base(name.registry)}/v2/{name.repository}/{path}"

    def _base(self, registry: str) -> str:
        if registry in self._mirrors:
            return self._mirrors[registry].rstrip("/")
        host = DOCKER_HUB_API if registry == DOCKER_HUB else registry
        plain = urlsplit(f"//{host}").hostname in PLAIN
        return f"{'http' if plain else 'https'}://{host}"

    def manifest(self, name: ImageName, reference: str) -> bytes:
        """Return a manifest or an index, from the cache if it is there by its digest.

        Raises:
            WhisklabError: the registry does not answer, does not have it, or sends another one.
        """
        is_digest = reference.startswith("sha256:")
        if is_digest and self._has(reference):
            path = place(reference)
            data = path.read_bytes()
            if digest_of(data) == reference:
                return data
            path.unlink()  # the cache was damaged: it is fetched again
        self.report(f"{name}: reading its manifest {reference}")
        data = asking.patiently(lambda: self._manifest(name, reference))
        found = digest_of(data)
        if is_digest and found != reference:
            raise WhisklabError(
                f"{name}: {self.url(name, f'manifests/{reference}')} sends {found} instead: the "
                "registry or something before it is damaged, use another one (bundle_mirrors)"
            )
        keep(place(found), data)
        return data

    def _manifest(self, name: ImageName, reference: str) -> bytes:
        url = self.url(name, f"manifests/{reference}")
        accept = {"Accept": ", ".join(ACCEPTED)}
        answer = self._asked(name, url, accept)
        if answer.status == UNAUTHORIZED:  # a token that has ended before its time
            self._tokens.forget(name)
            answer = self._asked(name, url, accept)
        if answer.status == UNAUTHORIZED and (account := self._account(name)):
            raise account.unknown(name, url)
        if answer.status == NOT_FOUND:
            raise WhisklabError(
                f"{name}: {url} answers 404: upstream does not have it (any more): name another "
                "one, or a registry that has it (bundle_mirrors)"
            )
        if answer.status != OK:
            raise asking.refused(name, url, answer)
        if len(answer.data) > LARGEST:
            raise WhisklabError(f"{name}: {url} sends more than a manifest may have, {LARGEST}")
        return answer.data

    def blob(self, name: ImageName, digest: str, size: int, what: str) -> Path:
        """Return the file of a configuration or layer, fetched if it lacks.

        Args:
            name: of the image.
            digest: of the blob.
            size: that its manifest states.
            what: how sentences call it.

        Raises:
            WhisklabError: it cannot be had, or has another size than is stated.
        """
        path, url = place(digest), self.url(name, f"blobs/{digest}")
        if not self._has(digest):

            def once() -> str:
                sha256 = digest.removeprefix("sha256:")
                header = self._header(name)
                return download(what, url, path, sha256, self.report, header, self._client())

            asking.patiently(once)
        found = path.stat().st_size
        if found != size:
            raise WhisklabError(
                f"{what}: {digest} has {found} bytes, and its manifest says {size}: the image was "
                "made wrongly, containerd would refuse it: build it again, or use another one"
            )
        return path

    def _has(self, digest: str) -> bool:
        """Whether a blob is in the cache, brought from an earlier bundle if need be."""
        with self._lock:  # the bundles are read by one at a time
            return self.older.bring(digest.removeprefix("sha256:"), place(digest))

    def _client(self) -> httpx.Client:
        """Return the one client, which several threads may use."""
        if self._http is None:
            self._http = client()
        return self._http

    def _asked(self, name: ImageName, url: str, headers: Mapping[str, str]) -> Reply:
        return asking.get(self._client(), url, {**headers, **self._header(name)})

    def _header(self, name: ImageName) -> Mapping[str, str]:
        """Return what a request needs beside itself."""
        return self._tokens.header(name, self._base(name.registry), self._account(name))

    def _account(self, name: ImageName) -> Account | None:
        """Return the account at the registry that is really asked."""
        mirror = self._mirrors.get(name.registry)
        return self._accounts.get(urlsplit(mirror).netloc if mirror else name.registry)
