"""What k3s reads."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from deploys.k3s import contexts, keys, mirrors, render, rolling
from deploys.k3s.operations import not_ready
from deploys.k3s.settings import K3sSettings
from whisklab.engine.resources.paths import digest

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


def test_the_card_that_has_the_address() -> None:
    """Without it flannel takes the card with the default route, which may be behind a NAT."""
    node = replace(AGENT, interface="eth1")
    assert yaml.safe_load(render.config(node, DEFAULTS))["flannel-iface"] == "eth1"
    settings = K3sSettings(agent_config={"flannel-iface": "eth2"})
    assert yaml.safe_load(render.config(node, settings))["flannel-iface"] == "eth2"


@pytest.mark.parametrize(
    ("given", "args"),
    [
        ({}, ["fail-cgroupv1=false"]),
        ({"kubelet-arg": ["max-pods=9"]}, ["fail-cgroupv1=false", "max-pods=9"]),
        ({"kubelet-arg": "max-pods=9"}, ["fail-cgroupv1=false", "max-pods=9"]),
    ],
)
def test_an_argument_of_ours_leaves_those_of_the_data(
    given: dict[str, Any], args: list[str]
) -> None:
    node = replace(AGENT, kubelet_args=(render.ON_CGROUP_V1,))
    found = yaml.safe_load(render.config(node, K3sSettings(agent_config=given)))
    assert found["kubelet-arg"] == args
    assert "kubelet-arg" not in yaml.safe_load(render.config(AGENT, DEFAULTS))


@pytest.mark.parametrize("node", [FIRST, AGENT])
def test_in_a_closed_network_only_mirrors_are_asked_unless_the_data_say_otherwise(
    node: render.Node,
) -> None:
    key = "disable-default-registry-endpoint"
    assert key not in yaml.safe_load(render.config(node, DEFAULTS))
    closed = replace(node, mirrors_only=True)
    assert yaml.safe_load(render.config(closed, DEFAULTS))[key] is True
    said = K3sSettings(server_config={key: False}, agent_config={key: False})
    assert yaml.safe_load(render.config(closed, said))[key] is False


def test_the_unit() -> None:
    text = render.unit(AGENT)
    assert "ExecStart=/usr/local/bin/k3s agent\n" in text
    assert "KillMode=process\n" in text
    assert "/run/whisklab/k3s-agent.started" in text


@pytest.mark.parametrize("node", [FIRST, AGENT])
def test_a_route_that_leads_nowhere_is_made_before_k3s_starts(node: render.Node) -> None:
    """As k3s's documentation does it, but for the kind of card; what is there already may fail."""
    lines = render.unit(replace(node, dummy_route=True)).splitlines()
    made = [line for line in lines if "/sbin/ip " in line]
    assert made == [
        "ExecStartPre=-/sbin/ip link add whisklab0 type bridge",
        "ExecStartPre=-/sbin/ip link set whisklab0 up",
        "ExecStartPre=-/sbin/ip address replace 203.0.113.254/31 dev whisklab0",
        "ExecStartPre=-/sbin/ip route replace default via 203.0.113.255 dev whisklab0 metric 2000",
    ]
    assert [line for line in lines if line not in made] == render.unit(node).splitlines()
    starts = [each.startswith("ExecStart=") for each in lines].index(True)
    assert all(lines.index(each) < starts for each in made)


@pytest.mark.parametrize("node", [FIRST, AGENT])
def test_where_nothing_is_pulled_no_image_belongs_to_who_pulled_it(node: render.Node) -> None:
    lines = render.unit(replace(node, pulls=False)).splitlines()
    added = [line for line in lines if line not in render.unit(node).splitlines()]
    assert added == ["ExecStartPre=-/bin/rm -rf /var/lib/kubelet/image_manager/pulled"]
    assert [line for line in lines if line not in added] == render.unit(node).splitlines()


@pytest.mark.parametrize(
    "registries", [None, {"mirrors": {"docker.io": {"endpoint": ["http://x"]}}}]
)
def test_the_wish_is_what_the_unit_records(registries: dict[str, object] | None) -> None:
    settings = K3sSettings(registries=registries)
    first = replace(FIRST, registries=mirrors.registries(settings, None))
    wish = render.wish(first, settings, "ab")
    unit = render.unit(first)
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
    ours = yaml.safe_load(contexts.named(K3S_YAML, "127.0.0.1:40000", "lab"))
    assert ours["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:40000"
    assert ours["contexts"] == [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}]
    assert ours["current-context"] == "lab"


def test_merging_keeps_what_is_theirs() -> None:
    ours = contexts.named(K3S_YAML, "a:1", "lab")
    theirs = contexts.named(K3S_YAML, "b:2", "prod")
    merged = yaml.safe_load(contexts.merged(theirs, ours))
    assert merged["current-context"] == "prod"
    assert [c["name"] for c in merged["clusters"]] == ["prod", "lab"]
    again = contexts.merged(yaml.safe_dump(merged, sort_keys=False), ours)
    assert yaml.safe_load(again) == merged
    assert yaml.safe_load(contexts.merged(None, ours))["current-context"] == "lab"


def test_what_kubectl_has_written_anew_lacks_nothing() -> None:
    ours = contexts.named(K3S_YAML, "a:1", "lab")
    theirs = contexts.merged(contexts.named(K3S_YAML, "b:2", "prod"), ours)
    said = yaml.safe_load(theirs)
    for key in contexts.KEYS:  # it sorts by name, and has its own style
        said[key].sort(key=lambda entry: str(entry["name"]))
    written = yaml.safe_dump(said, indent=4, sort_keys=True)
    assert written != theirs
    assert contexts.same(written, contexts.merged(written, ours))
    changed = contexts.merged(written, contexts.named(K3S_YAML, "c:3", "lab"))
    assert not contexts.same(written, changed)
    servers = {c["name"]: c["cluster"]["server"] for c in yaml.safe_load(changed)["clusters"]}
    assert servers == {"lab": "https://c:3", "prod": "https://b:2"}


def test_what_was_merged_goes_again_and_nothing_else() -> None:
    ours = contexts.named(K3S_YAML, "a:1", "lab")
    theirs = contexts.named(K3S_YAML, "b:2", "prod")
    assert contexts.same(contexts.unmerged(contexts.merged(theirs, ours), "lab"), theirs)
    shared = yaml.safe_load(contexts.merged(theirs, ours))
    shared["contexts"].append({"name": "mine", "context": {"cluster": "lab", "user": "prod"}})
    left = yaml.safe_load(contexts.unmerged(yaml.safe_dump(shared), "lab") or "")
    assert [each["name"] for each in left["clusters"]] == ["prod", "lab"]
    assert [each["name"] for each in left["users"]] == ["prod"]
    assert [each["name"] for each in left["contexts"]] == ["prod", "mine"]
    for somebodys in ("", "no: [yaml", ours):  # one of the same name that we did not merge
        assert contexts.unmerged(somebodys, "lab") == somebodys
    assert contexts.unmerged(None, "lab") is None


def test_a_kubeconfig_that_we_made_goes_with_the_last_of_ours() -> None:
    ours, other = (contexts.named(K3S_YAML, "a:1", name) for name in ("lab", "second"))
    made = contexts.merged(None, ours)
    assert contexts.unmerged(made, "lab") is None
    both = contexts.unmerged(contexts.merged(made, other), "lab")
    assert contexts.unmerged(both, "second") is None
    for more in ({"preferences": {"colors": True}}, {"users": [{"name": "theirs", "user": {}}]}):
        said = yaml.safe_load(made) | more
        assert contexts.unmerged(yaml.safe_dump(said), "lab") is not None, more
    # One that was there stays, if only as an empty file.
    empty = yaml.safe_load(contexts.unmerged(contexts.merged("", ours), "lab") or "")
    assert empty == {"apiVersion": "v1", "kind": "Config"} | {key: [] for key in contexts.KEYS}


def node(name: str, ready: str) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready}
    return {"metadata": {"name": name}, "status": {"conditions": [condition]}}


def test_who_is_not_ready() -> None:
    nodes = [node("a", "True"), node("b", "False"), node("c", "Unknown")]
    assert not_ready(nodes, ["a", "b", "c", "d"]) == ["b", "c", "d"]
    assert not_ready(nodes, ["a"]) == []


def test_ports() -> None:
    assert render.ports(AGENT, DEFAULTS) == {10250: "k3s-agent"}
    assert render.ports(FIRST, DEFAULTS) == dict.fromkeys((10250, 6443, 2379, 2380), "k3s")
    other = K3sSettings(cluster_init=False, https_listen_port=7443)
    assert render.ports(SECOND, other) == dict.fromkeys((10250, 7443), "k3s")


def test_what_a_firewall_must_let_in() -> None:
    assert list(render.open_ports(FIRST, DEFAULTS)) == [
        "10250/tcp", "6443/tcp", "2379-2380/tcp", "8472/udp", "all from 10.42.0.0/16",
        "all from 10.43.0.0/16",
    ]  # fmt: skip
    routed = K3sSettings(server_config={"flannel-backend": "host-gw"})
    assert list(render.open_ports(AGENT, routed)) == [
        "10250/tcp", "all from 10.42.0.0/16", "all from 10.43.0.0/16"
    ]  # fmt: skip


def test_known_keys_lists_and_keys_of_a_newer_k3s() -> None:
    settings = K3sSettings(
        server_config={"tls-san+": ["a"], "debug": True},
        agent_config={"brand-new": 1},
        further_keys=["brand-new"],
    )
    assert yaml.safe_load(render.config(AGENT, settings))["brand-new"] == 1


def test_all_keys_that_we_write_are_known() -> None:
    for node, known in ((FIRST, keys.SERVER), (SECOND, keys.SERVER), (AGENT, keys.AGENT)):
        assert set(yaml.safe_load(render.config(node, DEFAULTS))) <= known


@pytest.mark.parametrize("key", sorted(render.SECRET_KEYS))
def test_a_line_with_a_secret_is_known(key: str) -> None:
    pattern = render.SECRET_LINES.replace("[[:space:]]", r"\s")  # as grep -E knows it
    for line in (f"{key}: x", f'"{key}": x', f"{key}+: x", f"'{key}' : x"):
        assert re.search(pattern, line), line
    assert not re.search(pattern, render.config(AGENT, DEFAULTS), re.MULTILINE)
    for given in (key, f"{key}+"):
        assert render.holds_secrets(K3sSettings(server_config={given: "x"}, further_keys=[key]))


def test_what_k3s_reads_beside_our_files() -> None:
    patterns = render.beside(AGENT, DEFAULTS).split()
    assert "/etc/systemd/system/k3s-agent.service.d/*.conf" in patterns
    assert render.REGISTRIES in patterns
    with_registries = replace(AGENT, registries="configs: {}")
    assert render.REGISTRIES not in render.beside(with_registries, DEFAULTS)
    member = rolling.Member("w1", is_server=False, pending=False, known=True, active=True)
    assert rolling.foreign(member) == []
    (sentence,) = rolling.foreign(replace(member, foreign=("/a", "/b")))
    assert sentence.startswith("w1: k3s also reads /a, /b, which no run has written and which acts")
