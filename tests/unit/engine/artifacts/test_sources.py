"""Charts of repositories and registries: found, fetched, checked; and what is wrong is named."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml

from tests.unit.engine.http_server import Files, serving
from whisklab.engine.artifacts import sources
from whisklab.engine.artifacts.entries import Artifact, Source
from whisklab.engine.artifacts.fetching import fetch
from whisklab.engine.artifacts.sources import CHART_LAYER, Place, locate
from whisklab.engine.urls import file_name
from whisklab.errors import WhisklabError

CHART = b"a chart" * 100
SHA = hashlib.sha256(CHART).hexdigest()
INDEX = yaml.safe_dump({
    "entries": {"nfs": [
        {"version": "v4.1", "urls": ["https://elsewhere.test/nfs-4.1.tgz"]},
        {"version": "4.0", "urls": ["files/nfs-4.0.tgz"], "digest": SHA},
    ]}
})  # fmt: skip
LAYERS = json.dumps({"layers": [
    {"mediaType": "application/other", "digest": "sha256:" + "0" * 64},
    {"mediaType": CHART_LAYER, "digest": f"sha256:{SHA}"},
]}).encode()  # fmt: skip


def test_names_of_files() -> None:
    assert file_name("https://x.test/a/k3s%2B1") == "k3s+1"
    assert file_name("https://x.test/index.yaml#nfs") == "nfs.tgz"
    assert file_name("oci://x.test/charts/nfs:4.0") == "nfs-4.0.tgz"


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., httpx.Response]], None]:
    """Give a function that says how the network answers."""

    def use(handler: Callable[..., httpx.Response]) -> None:
        transport = httpx.MockTransport(handler)
        monkeypatch.setattr(sources, "client", lambda: httpx.Client(transport=transport))

    return use


def test_a_plain_url_asks_nobody() -> None:
    assert locate("x", "https://x.test/a.tgz", "1") == Place("https://x.test/a.tgz")


def test_a_repository(answers: Callable[[Callable[..., httpx.Response]], None]) -> None:
    answers(lambda _: httpx.Response(200, text=INDEX))
    url = "https://x.test/charts/index.yaml#nfs"
    assert locate("nfs", url, "4.0") == Place("https://x.test/charts/files/nfs-4.0.tgz", SHA)
    assert locate("nfs", url, "4.1") == Place("https://elsewhere.test/nfs-4.1.tgz")
    with pytest.raises(
        WhisklabError, match=r"index\.yaml has no nfs 9; its newest are v4\.1, 4\.0"
    ):
        locate("nfs", url, "9")
    with pytest.raises(WhisklabError, match="its newest are none"):
        locate("nfs", url + "-other", "4.0")
    answers(lambda _: httpx.Response(200, text="- no index"))
    with pytest.raises(WhisklabError, match="is no Helm repository or registry"):
        locate("nfs", url, "4.0")


def test_a_registry_that_gives_anybody_a_token(
    answers: Callable[[Callable[..., httpx.Response]], None],
) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "auth.test":
            assert dict(request.url.params) == {"service": "s", "scope": "repository:c/nfs:pull"}
            return httpx.Response(200, json={"token": "anonymous"})
        assert str(request.url) == "https://x.test/v2/c/nfs/manifests/4.0"
        if request.headers.get("authorization") != "Bearer anonymous":
            challenge = (
                'Bearer realm="https://auth.test/t",service="s",scope="repository:c/nfs:pull"'
            )
            return httpx.Response(401, headers={"WWW-Authenticate": challenge})
        return httpx.Response(200, content=LAYERS)

    answers(handler)
    found = locate("nfs", "oci://x.test/c/nfs:4.0", "4.0")
    assert (found.url, found.sha256) == (f"https://x.test/v2/c/nfs/blobs/sha256:{SHA}", SHA)
    assert found.headers == {"Authorization": "Bearer anonymous"}
    assert "anonymous" not in repr(found)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (httpx.Response(404), "answers 404: check the version"),
        (httpx.Response(200, json={"layers": []}), "is no Helm chart, but something else"),
        (httpx.Response(200, text="hello"), "is no Helm repository or registry"),
    ],
)
def test_a_registry_without_it(
    answers: Callable[[Callable[..., httpx.Response]], None], answer: httpx.Response, sentence: str
) -> None:
    answers(lambda _: answer)
    with pytest.raises(WhisklabError, match=sentence):
        locate("nfs", "oci://docker.io/c/nfs:4.0", "4.0")


def test_a_chart_is_fetched_from_a_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    content = {"/v2/c/nfs/manifests/4.0": LAYERS, f"/v2/c/nfs/blobs/sha256:{SHA}": CHART}
    with serving(Files(content)) as server:
        url = server.url.replace("http://", "oci+http://") + "/c/nfs:4.0"
        artifact = Artifact(product="nfs", version="4.0", source=Source(url=url, sha256=SHA))
        path = fetch(artifact)
        assert (path.name, path.read_bytes()) == ("nfs-4.0.tgz", CHART)
        assert fetch(artifact) == path
        assert len(server.requests) == 2
        other = artifact.model_copy(update={"source": Source(url=url, sha256="1" * 64)})
        with pytest.raises(WhisklabError, match="the catalogue says 1111"):
            fetch(other)


def test_a_run_with_all_in_its_cache_does_not_wait_for_an_http_client_to_be_imported() -> None:
    code = (
        "import sys, whisklab.engine.run.command, deploys;"
        "assert not {'httpx', 'httpcore'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
