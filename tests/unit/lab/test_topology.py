"""The topology of a lab: what is accepted, and one sentence for what is not."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisklab.errors import BadInput
from whisklab.lab.common.names import is_host_name, is_lab_name
from whisklab.lab.topology import Topology, check_lab_name, load, parse

GOOD = "hosts: {a: {groups: [masters]}}"


def sentence(text: str) -> str:
    """The error for a topology, which must be a single line that begins with the file."""
    with pytest.raises(BadInput) as caught:
        parse(text, "lab.yaml")
    message = str(caught.value)
    assert message.startswith("lab.yaml: ")
    assert "\n" not in message
    return message.removeprefix("lab.yaml: ")


def test_everything_has_a_default_but_the_hosts() -> None:
    topology = parse(GOOD, "lab.yaml")
    assert (topology.provider, topology.catalogue, topology.user) == ("nspawn", "auto", "lab")
    assert topology.internet == "auto"
    assert str(topology.network) == "10.77.0.0/24"
    assert topology.addresses() == {"a": IPv4Address("10.77.0.11")}


def test_the_lab_of_this_repository_is_valid() -> None:
    topology = load(Path(__file__).parents[3] / "inventories" / "lab.yaml")
    assert list(topology.hosts) == ["master", "worker1", "worker2", "storage"]
    assert topology.hosts["master"].forward == [6443, 31001]


def test_addresses_that_are_said_are_left_out_for_others() -> None:
    topology = parse(
        "hosts: {a: {}, b: {address: 10.77.0.11}, c: {address: 10.77.0.13}, d: {}, e: {}}", "x"
    )
    assert [str(address) for address in topology.addresses().values()] == [
        "10.77.0.12",
        "10.77.0.11",
        "10.77.0.13",
        "10.77.0.14",
        "10.77.0.15",
    ]


@pytest.mark.parametrize(
    ("said", "found", "way_out"),
    [
        ("", True, True),
        ("", False, False),
        ("internet: auto", True, True),
        ("internet: true", False, True),
        ("internet: false", True, False),
    ],
)
def test_whether_there_is_a_way_out_is_found_out_once(
    said: str, *, found: bool, way_out: bool
) -> None:
    settled = parse(f"{said}\nhosts: {{a: {{}}}}", "x").settled(found)
    assert settled.way_out is way_out
    assert parse(settled.text(), "x").way_out is way_out
    guests = parse("provider: vagrant\nhosts: {a: {groups: [masters]}}", "x")
    assert guests.settled(found) == guests  # those of a hypervisor always have one
    assert guests.way_out is True


def test_a_remembered_topology_reads_back_the_same() -> None:
    topology = parse("internet: true\nhosts: {a: {address: 10.77.0.99, forward: [80]}}", "x")
    assert parse(topology.text(), "x") == topology


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a mapping with the key hosts"),
        ("- a", "expected a mapping with the key hosts"),
        ("hosts: [", "not valid YAML at line 1"),
        ("a: 1\nb: {", "not valid YAML at line"),
        ("provider: nspawn", "hosts: this key is needed"),
        ("hosts: {}", "hosts: dictionary should have at least 1 item"),
        ("hosts: {a: {}}\nhots: 1", "hots: there is no such key"),
        ("hosts: {a: {group: [masters]}}", "hosts.a.group: there is no such key"),
        ("hosts: {a: {groups: [master]}}", "hosts.a.groups.0: input should be 'masters'"),
        ("hosts: {a: {groups: masters}}", "hosts.a.groups: input should be a valid list"),
        ("hosts: {A: {}}", "hosts: 'A' is no host name"),
        ("hosts: {../a: {}}", "hosts: '../a' is no host name"),
        ("hosts: {a: {}, a: {}}", "not valid YAML at line 1: the key a is given twice"),
        (f"hosts: {{{'a' * 33}: {{}}}}", "is no host name"),
        (
            "hosts: {a: {address: 10.78.0.11}}",
            "hosts.a.address: expected a host's address in 10.77.0.0/24",
        ),
        ("hosts: {a: {address: 10.77.0.1}}", "other than the gateway 10.77.0.1"),
        ("hosts: {a: {address: 10.77.0.255}}", "hosts.a.address: expected"),
        ("hosts: {a: {address: nowhere}}", "hosts.a.address: input is not a valid IPv4 address"),
        (
            "hosts: {a: {address: 10.77.0.20}, b: {address: 10.77.0.20}}",
            "hosts.b.address: 10.77.0.20 is already the address of a",
        ),
        ("network: 10.77.0.0/33\nhosts: {a: {}}", "network: expected an IPv4 network such as"),
        ("network: 10.77.0.1/24\nhosts: {a: {}}", "network: expected an IPv4 network such as"),
        (
            "network: 10.0.0.0/8\nhosts: {a: {}}",
            "network: expected an IPv4 network between /16 and /28",
        ),
        (
            "network: 10.77.0.0/28\nhosts: {a: {}, b: {}, c: {}, d: {}, e: {}}",
            "10.77.0.0/28 has no address left for e",
        ),
        (
            "provider: docker\nhosts: {a: {}}",
            "provider: expected nspawn, multipass or vagrant, got",
        ),
        ("catalogue: latest\nhosts: {a: {}}", "catalogue: input should be 'auto', 'upstream' or"),
        ("internet: perhaps\nhosts: {a: {}}", "internet: input should be 'auto', True or False"),
        ("user: root\nhosts: {a: {}}", "user: expected a user name other than root"),
        ("user: 'a b'\nhosts: {a: {}}", "user: expected a user name other than root"),
        (
            "hosts: {a: {forward: [0]}}",
            "hosts.a.forward.0: input should be greater than or equal to 1",
        ),
        ("hosts: {a: {forward: [22]}}", "hosts.a.forward: expected ports other than 22"),
        ("hosts: {a: {forward: [80, 80]}}", "hosts.a.forward: expected every port once"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(text: str, expected: str) -> None:
    assert expected in sentence(text)


def test_a_missing_file_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file; give the topology with --topology"):
        load(tmp_path / "none.yaml")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    file = tmp_path / "lab.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="cannot be read as a topology"):
        load(file)


@given(st.text())
def test_any_text_is_a_topology_or_bad_input(text: str) -> None:
    with contextlib.suppress(BadInput):
        assert isinstance(parse(text, "x"), Topology)


@given(st.text())
def test_names_are_safe_in_paths(name: str) -> None:
    if is_lab_name(name) or is_host_name(name):
        assert not set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert 0 < len(name) <= 32


@pytest.mark.parametrize("name", ["", "Lab", "1lab", "a/b", "..", "a" * 22, "lab\n", "lab.x"])
def test_lab_names_that_are_refused(name: str) -> None:
    with pytest.raises(BadInput, match="cannot name a lab"):
        check_lab_name(name)
