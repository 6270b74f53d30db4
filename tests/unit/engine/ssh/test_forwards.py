"""What `whisklab forward` opens."""

from __future__ import annotations

import socket

import pytest
import yaml
from pydantic import ValidationError

from whisklab.cli.forward import HEADER, kubeconfig_at
from whisklab.engine.ssh.forwards import Forward, ForwardSettings, chosen, listening, parse
from whisklab.errors import BadInput, WhisklabError

API = Forward("kubernetes", "127.0.0.1", 6443)


@pytest.mark.parametrize(
    ("spec", "forward"),
    [
        ("10.0.0.1:80", Forward("web", "10.0.0.1", 80)),
        ("8080:10.0.0.1:80", Forward("web", "10.0.0.1", 80, 8080)),
        ("storage:5000", Forward("web", "storage", 5000)),
        ("[fd00::1]:80", Forward("web", "fd00::1", 80)),
        ("8080:[fd00::1]:80", Forward("web", "fd00::1", 80, 8080)),
    ],
)
def test_a_port(spec: str, forward: Forward) -> None:
    assert parse("web", spec) == forward
    assert spec.endswith(forward.target)


@pytest.mark.parametrize(
    "spec", ["", "80", ":80", "host:", "host:0", "host:65536", "0:host:1", "fd00::1:80", "a b:1",
             "[]:1", "[:]:1", "x:host:1"]
)  # fmt: skip
def test_what_is_no_port(spec: str) -> None:
    with pytest.raises(ValueError, match="expected .LOCAL:.HOST:PORT|address"):
        parse("web", spec)
    with pytest.raises(BadInput, match="--port web="):
        chosen([API], ForwardSettings(), [f"web={spec}"])
    with pytest.raises(ValidationError):
        ForwardSettings(forwards={"web": spec})


def test_later_ones_win() -> None:
    data = ForwardSettings(forwards={"web": "a:1", "registry": "b:2"})
    assert chosen([API], data, ["web=c:3", "kubernetes=6443:127.0.0.1:6443", "x=d:4"]) == [
        Forward("kubernetes", "127.0.0.1", 6443, 6443),
        Forward("web", "c", 3),
        Forward("registry", "b", 2),
        Forward("x", "d", 4),
    ]
    with pytest.raises(BadInput, match="--port a:1"):
        chosen([API], data, ["a:1"])


def test_it_listens_on_loopback_only_and_a_taken_port_is_told() -> None:
    with listening([API, Forward("web", "a", 1)]) as opened:
        addresses = [listener.getsockname() for _, listener in opened]
        assert {address for address, _ in addresses} == {"127.0.0.1"}
        taken = Forward("web", "10.0.0.1", 80, addresses[0][1])
        sentence = f"web: port {taken.local} of 127.0.0.1 is taken"
        with pytest.raises(WhisklabError, match=sentence), listening([API, taken]):
            pass
    for address in addresses:  # nothing is left open
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)


def test_the_kubeconfig() -> None:
    text = "clusters: [{name: lab, cluster: {server: 'https://127.0.0.1:1', x: y}}]\nkind: Config"
    found = kubeconfig_at(text, 4711)
    assert found.startswith(HEADER)
    assert yaml.safe_load(found) == {
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": "https://127.0.0.1:4711", "x": "y"}}],
    }
