"""k3s on a machine that reaches upstream by a proxy."""

from __future__ import annotations

from dataclasses import replace

from deploys.k3s import proxied, render
from deploys.k3s.settings import K3sSettings
from whisklab.engine.data.machine import Machine
from whisklab.engine.resources.paths import digest

DEFAULTS = K3sSettings()
AGENT = render.Node("w1", "10.0.0.3", join="https://10.0.0.1:6443", is_server=False)
PROXIED = Machine(
    node_address="10.0.0.3",
    http_proxy="http://me:hunter2@proxy:3128",
    https_proxy="http://me:hunter2@proxy:3128",
    no_proxy=[".example.org"],
)


def test_the_environment_of_a_machine_behind_a_proxy() -> None:
    text = proxied.environment(PROXIED, DEFAULTS, ["10.0.0.3", "10.0.0.1"])
    assert text is not None
    direct = ".example.org,10.42.0.0/16,10.43.0.0/16,.svc,.cluster.local,localhost,127.0.0.0/8"
    assert text.splitlines() == [
        render.HEADER,
        "HTTP_PROXY=http://me:hunter2@proxy:3128",
        "HTTPS_PROXY=http://me:hunter2@proxy:3128",
        f"NO_PROXY={direct},10.0.0.1,10.0.0.3",
    ]
    assert proxied.environment(Machine(node_address="10.0.0.3"), DEFAULTS, ["10.0.0.1"]) is None


def test_a_network_in_no_proxy_covers_its_machines() -> None:
    machine = PROXIED.model_copy(update={"no_proxy": ["10.0.0.0/24"], "http_proxy": None})
    texts = {
        proxied.environment(machine, DEFAULTS, addresses)
        for addresses in (["10.0.0.1"], ["10.0.0.1", "10.0.0.2"])
    }
    assert len(texts) == 1
    text = texts.pop()
    assert text is not None
    assert "HTTP_PROXY" not in text
    assert text.rstrip().endswith("127.0.0.0/8")


def test_the_environment_is_recorded_and_never_shown() -> None:
    text = proxied.environment(PROXIED, DEFAULTS, ["10.0.0.3"])
    node = replace(AGENT, environment=text)
    assert text is not None
    assert render.wish(node, DEFAULTS, "ab")["/etc/default/k3s-agent"] == digest(text)
    assert "/etc/default/k3s-agent " in render.unit(node)
    assert "/etc/default/k3s-agent" not in render.wish(AGENT, DEFAULTS, "ab")
    assert "/etc/default/k3s-agent" not in render.unit(AGENT)
    assert "hunter2" not in render.unit(node) + repr(node) + repr(PROXIED)
