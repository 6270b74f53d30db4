"""What k3s reads."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import yaml

from deploys.k3s import render
from deploys.k3s.operations import not_ready
from deploys.k3s.settings import K3sSettings
from whisklab.engine.files import digest

FIRST = render.Node("m1", "10.0.0.1", join=None, is_server=True, api_host="127.0.0.1")
SECOND = render.Node("m2", "10.0.0.2", join="https://10.0.0.1:6443", is_server=True)
AGENT = render.Node("w1", "10.0.0.3", join="https://10.0.0.1:6443", is_server=False)
DEFAULTS = K3sSettings()


def test_the_first_server_starts_the_cluster() -> None:
    values = yaml.safe_load(render.config(FIRST, DEFAULTS))
    assert values["cluster-init"] is True
    assert "server" not in values
    assert values["disable"] == ["servicelb", "traefik"]
    assert values["tls-san"] == ["10.0.0.1", "127.0.0.1", "m1"]
    assert values["token-file"] == render.TOKEN


def test_a_further_server_joins_it() -> None:
    values = yaml.safe_load(render.config(SECOND, DEFAULTS))
    assert values["server"] == "https://10.0.0.1:6443"
    assert "cluster-init" not in values
    assert values["cluster-cidr"] == DEFAULTS.cluster_cidr


def test_an_agent_gets_no_server_keys() -> None:
    settings = K3sSettings(agent_config={"node-label": ["a=b"]}, server_config={"debug": True})
    assert yaml.safe_load(render.config(AGENT, settings)) == {
        "node-name": "w1",
        "node-ip": "10.0.0.3",
        "token-file": render.TOKEN,
        "server": "https://10.0.0.1:6443",
        "node-label": ["a=b"],
    }


def test_the_unit() -> None:
    text = render.unit(AGENT, DEFAULTS)
    assert "ExecStart=/usr/local/bin/k3s agent\n" in text
    assert "KillMode=process\n" in text
    assert "/run/whisklab/k3s-agent.started" in text


@pytest.mark.parametrize(
    "registries", [None, {"mirrors": {"docker.io": {"endpoint": ["http://x"]}}}]
)
def test_the_wish_is_what_the_unit_records(registries: dict[str, object] | None) -> None:
    settings = K3sSettings(registries=registries)
    wish = render.wish(FIRST, settings, "ab")
    unit = render.unit(FIRST, settings)
    assert wish[render.BINARY] == "ab"
    assert wish[FIRST.unit_path] == digest(unit)
    assert all(path in unit for path in wish)
    assert (render.REGISTRIES in unit) == (render.REGISTRIES in wish) == (registries is not None)


def test_ipv6_urls() -> None:
    assert render.url("fd00::1", 6443) == "https://[fd00::1]:6443"
    assert render.url("10.0.0.1", 6443) == "https://10.0.0.1:6443"


K3S_YAML = """
clusters:
- name: default
  cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: Y2E=}
users: [{name: default, user: {client-certificate-data: Yw==, client-key-data: aw==}}]
contexts: [{name: default, context: {cluster: default, user: default}}]
current-context: default
"""


def test_the_kubeconfig_is_named_and_readdressed() -> None:
    ours = yaml.safe_load(render.kubeconfig(K3S_YAML, "127.0.0.1:40000", "lab"))
    assert ours["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:40000"
    assert ours["contexts"] == [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}]
    assert ours["current-context"] == "lab"


def test_merging_keeps_what_is_theirs() -> None:
    ours = render.kubeconfig(K3S_YAML, "a:1", "lab")
    theirs = render.kubeconfig(K3S_YAML, "b:2", "prod")
    merged = yaml.safe_load(render.merged_kubeconfig(theirs, ours))
    assert merged["current-context"] == "prod"
    assert [c["name"] for c in merged["clusters"]] == ["prod", "lab"]
    again = render.merged_kubeconfig(yaml.safe_dump(merged, sort_keys=False), ours)
    assert yaml.safe_load(again) == merged
    assert yaml.safe_load(render.merged_kubeconfig("", ours))["current-context"] == "lab"


def node(name: str, ready: str) -> SimpleNamespace:
    condition = SimpleNamespace(type="Ready", status=ready)
    return SimpleNamespace(
        metadata=SimpleNamespace(name=name), status=SimpleNamespace(conditions=[condition])
    )


def test_who_is_not_ready() -> None:
    nodes = [node("a", "True"), node("b", "False"), node("c", "Unknown")]
    assert not_ready(nodes, ["a", "b", "c", "d"]) == ["b", "c", "d"]
    assert not_ready(nodes, ["a"]) == []
