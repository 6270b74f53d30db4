"""Where the bytes behind a catalogue's URL are: a file itself, or a chart kept somewhere.

Three forms besides plain URLs, all asked with the laptop's own network:
- `https://HOST/charts/index.yaml#NAME`: a Helm repository; the version is the catalogue's.
- `oci://REGISTRY/PATH/NAME:TAG`: a chart in a registry, read anonymously.
- `oci+http://...`: the same without TLS, for a registry of one's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urldefrag, urljoin, urlparse

import httpx
import yaml

from whisklab.engine import documents
from whisklab.engine.artifacts.downloads import client
from whisklab.engine.urls import is_plain
from whisklab.errors import WhisklabError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
DOCKER_HUB, DOCKER_HUB_API = "docker.io", "registry-1.docker.io"
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Place:
    """Where to download a file from.

    Attributes:
        url: http or https.
        sha256: what the repository or registry says it is; None when nobody does.
        headers: to send along, such as a token.
    """

    url: str
    sha256: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def locate(what: str, url: str, version: str) -> Place:
    """Return where the file of a catalogue's URL is.

    Args:
        what: how sentences call it.
        url: http, https, or one of the forms above.
        version: of the product.

    Raises:
        WhisklabError: the repository or registry does not answer, or does not have it.
    """
    if is_plain(url):
        return Place(url)
    try:
        with client() as http:
            if url.startswith("oci"):
                return _in_registry(http, what, url)
            return _in_repository(http, what, url, version)
    except httpx.HTTPStatusError as error:
        raise WhisklabError(
            f"{what}: {error.request.url} answers {error.response.status_code}: check the version "
            "and the catalogue"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WhisklabError(
            f"{what}: {url} cannot be read ({str(error) or type(error).__name__}): run again "
            "with a network"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise WhisklabError(
            f"{what}: {url} is no Helm repository or registry ({type(error).__name__}): mend it in "
            "the catalogue"
        ) from error


def _in_repository(http: httpx.Client, what: str, url: str, version: str) -> Place:
    index, name = urldefrag(url)
    answer = http.get(index)
    answer.raise_for_status()
    charts = documents.read(answer.text)
    known = charts["entries"].get(name) or []
    for each in known:
        if str(each["version"]).removeprefix("v") == version.removeprefix("v"):
            digest = each.get("digest")
            sha256 = digest.removeprefix("sha256:") if digest else None
            return Place(urljoin(index, each["urls"][0]), sha256)
    there = ", ".join(str(each["version"]) for each in known[:5]) or "none"
    raise WhisklabError(f"{what}: {index} has no {name} {version}; its newest are {there}")


def _in_registry(http: httpx.Client, what: str, url: str) -> Place:
    parsed = urlparse(url)
    host = DOCKER_HUB_API if parsed.netloc == DOCKER_HUB else parsed.netloc
    name, _, tag = parsed.path.strip("/").rpartition(":")
    base = f"{'http' if parsed.scheme == 'oci+http' else 'https'}://{host}/v2/{name}"
    answer, headers = _authorized(http, f"{base}/manifests/{tag}")
    answer.raise_for_status()
    for layer in answer.json()["layers"]:
        if layer["mediaType"] == CHART_LAYER:
            digest = layer["digest"]
            return Place(f"{base}/blobs/{digest}", digest.removeprefix("sha256:"), headers)
    raise WhisklabError(f"{what}: {url} is no Helm chart, but something else")


def _authorized(http: httpx.Client, url: str) -> tuple[httpx.Response, dict[str, str]]:
    """Ask a registry, with the token that it gives to anybody if it wants one."""
    answer = http.get(url, headers={"Accept": MANIFEST})
    challenge = dict(_CHALLENGE.findall(answer.headers.get("www-authenticate", "")))
    if answer.status_code != httpx.codes.UNAUTHORIZED or "realm" not in challenge:
        return answer, {}
    realm = challenge.pop("realm")
    asked = {key: value for key, value in challenge.items() if key in {"service", "scope"}}
    granted = http.get(realm, params=asked)
    granted.raise_for_status()
    found: dict[str, Any] = granted.json()
    headers = {"Authorization": f"Bearer {found.get('token') or found['access_token']}"}
    return http.get(url, headers={"Accept": MANIFEST, **headers}), headers
