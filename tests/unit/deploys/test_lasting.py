"""What cannot change on a node that is there."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from deploys.k3s import lasting, render
from deploys.k3s.settings import K3sSettings

NODE = render.Node("m1", "10.0.0.1", None, is_server=True)
WANTED = yaml.safe_load(render.config(NODE, K3sSettings()))


@pytest.mark.parametrize(
    ("key", "old", "remedy"),
    [
        ("node-name", "m1", "call it m1 in the inventory"),
        ("cluster-cidr", "10.42.0.0/16", 'set k3s_cluster_cidr = "10.42.0.0/16"'),
        ("service-cidr", "10.43.0.0/16", 'set k3s_service_cidr = "10.43.0.0/16"'),
        ("cluster-dns", "10.43.0.10", 'set k3s_server_config = {"cluster-dns": "10.43.0.10"}'),
        ("cluster-domain", "cluster.local", 'set k3s_server_config = {"cluster-domain": "clust'),
        ("data-dir", render.DATA, 'set k3s_server_config = {"data-dir": "/var/lib/rancher/k3s"}'),
        ("datastore-endpoint", "the default", "take it out of k3s_server_config"),
    ],
)
def test_what_a_node_keeps_is_refused_with_the_setting(key: str, old: str, remedy: str) -> None:
    other = "10.9.0.0/16" if key.endswith("cidr") else "other"
    shown = lasting.HIDDEN if key == "datastore-endpoint" else other
    (sentence,) = lasting.fixed("m1", WANTED, {**WANTED, key: other})
    assert sentence.startswith(f"{key}: m1 runs with {old}, and k3s cannot change to {shown} on a ")
    assert f"node that is there: {remedy}" in sentence
    assert f", or {lasting.FIXED[key]}" in sentence


def test_all_that_is_kept_has_been_looked_at() -> None:
    parameters = test_what_a_node_keeps_is_refused_with_the_setting.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {each[0] for each in parameters} == set(lasting.FIXED)


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ({}, {"cluster-cidr": "10.9.0.0/16"}),  # a new machine
        (WANTED, WANTED),
        ({"node-name": "m1"}, WANTED),
        (WANTED, {**WANTED, "cluster-dns": "10.43.0.10", "data-dir": render.DATA}),
        ({"service-cidr": "10.9.0.0/16"},
         {"service-cidr": "10.9.0.0/16", "cluster-dns": "10.9.0.10"}),
        ({"cluster-cidr": None}, {"cluster-cidr": ["10.42.0.0/16", "fd00::/56"]}),
        ({"cluster-cidr": "10.42.0.0/16,fd00::/56"},
         {"cluster-cidr": ["10.42.0.0/16", "fd00::/56"]}),
        ({"datastore-endpoint": True}, {"datastore-endpoint": "mysql://a:b@c"}),
    ],
)  # fmt: skip
def test_the_same_is_no_difference(before: dict[str, Any], wanted: dict[str, Any]) -> None:
    name = {"node-name": "m1"} if before else {}
    assert lasting.fixed("m1", {**name, **before}, {**name, **wanted}) == []


def test_a_datastore_is_never_shown() -> None:
    (sentence,) = lasting.fixed("m1", {"datastore-endpoint": lasting.HIDDEN}, {})
    assert sentence.startswith("datastore-endpoint: m1 runs with one that is not shown, and k3s ")
    setting = 'set k3s_server_config = {"datastore-endpoint": "..."}, and k3s_cluster_init = False'
    assert setting in sentence
    (other,) = lasting.fixed("m1", {"x": "y"}, {"datastore-endpoint": "mysql://a:b@c"})
    assert "a:b" not in other


def test_an_agent_s_setting_is_an_agent_s() -> None:
    (sentence,) = lasting.fixed("w1", {"data-dir": "/srv/k3s"}, {}, is_server=False)
    assert 'set k3s_agent_config = {"data-dir": "/srv/k3s"}, or' in sentence


@pytest.mark.parametrize(
    ("given", "found"),
    [("a, b", ("a", "b")), ('["a", b] # c', ("a", "b")), (["a,b", "c"], ("a", "b", "c")),
     (True, ("true",)), (6443, ("6443",)), ("", ())],
)  # fmt: skip
def test_values_are_those_of_flags_and_of_yaml(given: object, found: tuple[str, ...]) -> None:
    assert lasting.values(given) == found
