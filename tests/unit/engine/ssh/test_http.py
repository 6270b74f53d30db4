"""A server that is known by its certificate alone."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.unit.engine.certificates import self_signed
from tests.unit.engine.http_server import listening
from whisklab.engine.kubernetes import kube
from whisklab.engine.ssh.http import Server, Unreachable, trusting_only
from whisklab.engine.ssh.pools import tunnelled
from whisklab.errors import WhisklabError

SLOW = 1.0  # seconds that an answer takes


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    """A certificate that is for another name and long expired, and its key."""
    return self_signed("*.10.0.0.1", expired=True)


@pytest.fixture
def url(pair: tuple[str, str], tmp_path: Path) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/slow":
                time.sleep(SLOW)
            self.send_response(302)
            self.send_header("X-Some-Header", "there")
            self.send_header("Location", "https://127.0.0.1:1/")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    both = tmp_path / "both.pem"
    both.write_text("".join(pair))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    with listening(Handler, context) as port:
        yield f"https://127.0.0.1:{port}"


def at(url: str, certificate: str) -> Server:
    pool = urllib3.PoolManager(retries=False, **trusting_only(certificate))
    return Server("the API", url, pool)


def test_the_known_certificate_is_enough(url: str, pair: tuple[str, str]) -> None:
    chain = f"some words\n{pair[0]}\n{self_signed('other')[0]}"
    answer = at(url, chain).request("GET", "/")
    assert (answer.status, answer.text, answer.headers["x-some-header"]) == (302, "ok", "there")


def test_any_other_certificate_is_refused(url: str) -> None:
    with pytest.raises(Unreachable, match="the API does not answer: it shows another certificate"):
        at(url, self_signed("*.10.0.0.1")[0]).request("GET", "/")


def through_a_tunnel(monkeypatch: pytest.MonkeyPatch, certificate: str, port: int) -> Server:
    def open_tunnel(_: object, address: str, there: int) -> socket.socket:
        return socket.create_connection((address, there), timeout=None)

    monkeypatch.setattr("whisklab.engine.ssh.pools.open_tunnel", open_tunnel)
    host: Any = None  # the tunnel is replaced
    pool = tunnelled(host, "127.0.0.1", port, **trusting_only(certificate))
    return Server("the API", "https://10.0.0.1:1", pool)  # the pool knows where to go


def test_a_tunnel_has_the_same_rules(
    url: str, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(url.rpartition(":")[2])
    assert through_a_tunnel(monkeypatch, pair[0], port).request("GET", "/").text == "ok"
    other = self_signed("*.10.0.0.1")[0]
    with pytest.raises(Unreachable, match="another certificate"):
        through_a_tunnel(monkeypatch, other, port).request("GET", "/")


def test_who_accepts_and_says_nothing_is_not_waited_for_ever(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisklab.engine.limits.CONNECT_WITHIN", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = through_a_tunnel(monkeypatch, pair[0], silent.getsockname()[1])
        with pytest.raises(Unreachable, match="the API does not answer: it takes too long"):
            server.request("GET", "/")


def test_an_answer_may_take_longer_than_a_connection(
    url: str, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two limits are two; the first as the sum of both cut every answer off."""
    monkeypatch.setattr("whisklab.engine.limits.CONNECT_WITHIN", SLOW / 2)
    for server in (
        at(url, pair[0]),
        through_a_tunnel(monkeypatch, pair[0], int(url.rpartition(":")[2])),
    ):
        assert server.request("GET", "/slow", timeout=60).text == "ok"
        with pytest.raises(Unreachable, match="it takes too long"):
            server.request("GET", "/slow", timeout=SLOW / 2)


def test_an_answer_of_kubernetes_may_take_longer_than_a_connection(
    url: str, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisklab.engine.limits.CONNECT_WITHIN", SLOW / 2)
    host: Any = None  # it is not asked
    pool = urllib3.PoolManager(retries=False, **trusting_only(pair[0]))
    answer = kube._exchange(host, pool, "GET", f"{url}/slow", redirect=False)
    assert answer.data == b"ok"


def test_what_no_tunnel_leads_to_is_told(
    pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = through_a_tunnel(monkeypatch, pair[0], 1)

    def refuse(*_: object) -> socket.socket:
        raise WhisklabError("nothing answers at 127.0.0.1:1 on master")

    monkeypatch.setattr("whisklab.engine.ssh.pools.open_tunnel", refuse)
    with pytest.raises(Unreachable, match="does not answer: nothing answers at 127.0.0.1:1 on"):
        server.request("GET", "/")


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate(text: str) -> None:
    with pytest.raises(WhisklabError, match="expected a certificate in PEM form"):
        trusting_only(text)
