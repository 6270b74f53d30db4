"""Typed settings: every finding is one sentence that names file, key and expectation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from deploys import models
from deploys.k3s.settings import K3sSettings
from deploys.labels.settings import NodeSettings
from whisklab.engine.data.machine import Machine
from whisklab.engine.data.settings import HostData, Settings, _Validated, validate
from whisklab.engine.runs import Run
from whisklab.errors import BadInput


class Example(Settings):
    """Two keys."""

    prefix: ClassVar[str] = "example_"

    size: int = 1
    names: list[str] = []


def check(model: type[Settings], **values: Any) -> None:
    data = HostData("h1", values, lambda _: "group_data/lab.py")
    validate(Run(), [data], [model], lambda key: key.startswith("ssh_"))


@pytest.mark.parametrize(
    ("model", "values", "sentence"),
    [
        (Example, {"example_sice": 2}, "example_sice: unknown key, did you mean example_size?"),
        (Example, {"zzz": 2}, "zzz: unknown key, group_data/all.py lists the known ones"),
        (Example, {"example_size": "2"}, "example_size: input should be a valid integer, not '2'"),
        (Example, {"example_names": ["a", 1]}, "example_names[1]: input should be a valid string"),
        (Machine, {}, "node_address: missing, it has no default"),
        (Machine, {"node_address": "10.0.0.1", "node_interface": "a card"}, "expected the name of"),
        (Machine, {"node_address": "x"}, "expected an IP address such as 192.168.1.10, not 'x'"),
        (K3sSettings, {"k3s_version": "1.34"}, "expected a k3s version such as v1.36.4+k3s1"),
        (K3sSettings, {"k3s_cluster_cidr": "10.0.0.1/8"}, "expected a network such as"),
        (K3sSettings, {"k3s_service_cidr": "10.42.1.0/24"}, "overlap: choose two"),
        (K3sSettings, {"k3s_https_listen_port": 70000}, "less than or equal to 65535"),
        (K3sSettings, {"k3s_server_config": {"tls-sans": ["a"]}}, "did you mean tls-san?"),
        (K3sSettings, {"k3s_agent_config": {"cluster-init": True}}, "k3s knows no such key"),
        (NodeSettings, {"node_labels": {"a b": "c"}}, "a b=c is no Kubernetes label"),
        (NodeSettings, {"node_taints": ["a=b:Never"]}, "a=b:Never is no taint"),
    ],
)
def test_a_finding_is_one_sentence(
    model: type[Settings], values: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BadInput) as raised:
        check(model, **values)
    assert sentence in str(raised.value)
    assert str(raised.value).startswith("group_data/lab.py")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", ["me:hunter2@proxy:3128", "http://me:hunter2@pro xy", 5])
def test_a_secret_is_not_shown(value: object) -> None:
    with pytest.raises(BadInput, match="http_proxy: ") as raised:
        check(Machine, node_address="10.0.0.1", http_proxy=value)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("key", ["k3s_registries", "k3s_server_config", "k3s_agent_config"])
def test_what_may_hold_a_secret_is_not_shown(key: str) -> None:
    with pytest.raises(BadInput, match=f"{key}: ") as raised:
        check(K3sSettings, **{key: "password: hunter2"})
    assert "hunter2" not in str(raised.value)


def test_all_findings_are_told_at_once_and_each_once() -> None:
    data = [HostData(name, {"example_size": "x", "bad": 1}, lambda _: "f") for name in "ab"]
    with pytest.raises(BadInput) as raised:
        validate(Run(), data, [Example], lambda _: False)
    assert len(str(raised.value).splitlines()) == 2


def test_keys_of_pyinfra_are_not_judged() -> None:
    check(Example, ssh_user="me", example_size=3)


class Closing(Example):
    """With other defaults in a closed network."""

    closed: ClassVar[Mapping[str, Any]] = MappingProxyType({"size": 2, "names": ["a"]})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, (1, [])),
        ({"offline": False}, (1, [])),
        ({"offline": True}, (2, ["a"])),
        ({"offline": True, "example_size": 1}, (1, ["a"])),
        ({"offline": True, "example_names": [], "example_size": 3}, (3, [])),
    ],
)
def test_defaults_of_a_closed_network_and_what_is_said_wins(
    values: dict[str, Any], expected: tuple[int, list[str]]
) -> None:
    run, host = Run(), SimpleNamespace(name="h1")
    data = HostData("h1", {"node_address": "10.0.0.1", **values}, lambda _: "f")
    validate(run, [data], [Machine, Closing], lambda _: False)
    found = run.part(_Validated)[host.name][Closing]
    assert isinstance(found, Closing)
    assert (found.size, found.names) == expected


@pytest.mark.parametrize("model", [model for model in models() if model.closed])
def test_each_default_of_a_closed_network_is_valid_and_another_one(model: type[Settings]) -> None:
    usual, closed = model(), model.model_validate(dict(model.closed))
    for name in model.closed:
        assert getattr(usual, name) != getattr(closed, name)
