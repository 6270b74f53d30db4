"""What cloud-init is given, and which addresses are tried. Pure functions."""

from __future__ import annotations

import json
import re
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lab.multipass.rig import GIB, Lab
from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.machine import Size
from whisklab.lab.common.names import is_host_name, is_lab_name
from whisklab.lab.providers.multipass.addresses import candidates
from whisklab.lab.providers.multipass.instances import State, parse_list, parse_snapshots
from whisklab.lab.providers.multipass.user_data import user_data
from whisklab.lab.topology import parse

SERVER = IPv4Address("10.121.48.17")
# What YAML 1.2's core schema takes for something else than text; 1.1, which PyYAML reads, has more.
CORE = {
    "bool": r"true|True|TRUE|false|False|FALSE",
    "int": r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+",
    "null": r"null|Null|NULL|~|",
    "float": r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
}


class Core(yaml.SafeLoader):
    """Reads YAML as 1.2 has it: `yes` is text, and 0644 a number of six hundred."""


Core.yaml_implicit_resolvers = {}
for kind, pattern in CORE.items():
    Core.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(f"^(?:{pattern})$"), None)


def test_data_are_the_same_by_both_versions_of_yaml(fern: Lab) -> None:
    """Multipass reads and writes them, before cloud-init reads what it wrote."""
    wish = fern.wish()
    for machine in wish.machines:
        text = user_data(wish, machine, "0123456")
        assert text.startswith("#cloud-config\n")
        one = yaml.load(text, Loader=yaml.SafeLoader)
        other = yaml.load(text, Loader=Core)  # noqa: S506  a safe loader
        assert one == other
        again = yaml.load(yaml.safe_dump(other), Loader=yaml.SafeLoader)
        assert again == one
        assert not re.search(r":\s+0\d", text)
        assert json.loads(one["write_files"][0]["content"]) == {
            "lab": "0123456", "machine": machine.name,
        }  # fmt: skip
        assert one["ssh_keys"] == {"ed25519_private": wish.host_keys[machine.name]}
        assert one["users"][1]["ssh_authorized_keys"] == [wish.authorized_key]
        assert one["hostname"] == machine.name
        assert one["manage_etc_hosts"] is False  # Multipass's true loses names at each boot


@given(st.lists(st.ip_addresses(v=4), max_size=8), st.none() | st.ip_addresses(v=4))
def test_the_choice_of_an_address_does_not_depend_on_the_order(
    listed: list[IPv4Address], before: IPv4Address | None
) -> None:
    found = candidates(listed, before)
    assert found == candidates(listed[::-1], before) == candidates(sorted(listed), before)
    assert set(found) <= set(listed)
    assert bool(found) == bool(listed)
    if before in found:
        assert found[0] == before


@pytest.mark.parametrize("inside", ["10.42.0.0", "10.42.3.1", "10.43.0.9", "172.17.0.1"])
def test_an_address_of_pods_or_docker_is_not_tried(inside: str) -> None:
    assert candidates([IPv4Address(inside), SERVER], None) == [SERVER]
    assert candidates([IPv4Address(inside), SERVER], IPv4Address(inside)) == [SERVER]


def test_lists_as_they_are_printed() -> None:
    listed: list[dict[str, Any]] = [
        {"ipv4": ["10.121.48.17", "10.42.0.1"], "name": "a", "release": "", "state": "Running",
         "zone": {"available": True, "name": "zone1"}},
        {"ipv4": ["N/A"], "name": "b", "release": "Not Available", "state": "Delayed Shutdown"},
        {"ipv4": [], "name": "c", "release": "", "state": "Hibernating"},
        {"ipv4": [""], "name": "d", "release": "", "state": "Delayed shutdown"},
        {"ipv4": ["--"], "name": "e", "release": "", "state": "Unavailable"},
    ]  # fmt: skip
    found = parse_list(json.dumps({"list": listed}))
    assert [(each.state, len(each.addresses)) for each in found.values()] == [
        (State.RUNNING, 2), (State.DELAYED, 0), (State.UNKNOWN, 0), (State.DELAYED, 0),
        (State.UNAVAILABLE, 0),
    ]  # fmt: skip
    kept = {"fern-master": {"bare": {"comment": "", "parent": ""}, "x": {}}, "b": {}}
    assert parse_snapshots(json.dumps({"errors": [], "info": kept})) == {
        "fern-master": {"bare", "x"}, "b": set(),
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"list": [{}]}', '{"list": 3}', '{"info": []}'])
def test_what_is_no_list_is_told(text: str) -> None:
    for read in (parse_list, parse_snapshots):
        with pytest.raises(WhisklabError, match=r"printed what is no list"):
            read(text)


NAMES = st.from_regex(r"[A-Za-z0-9_.-]{1,40}", fullmatch=True)


@given(NAMES, NAMES)
def test_names_that_we_take_are_valid_for_all_who_get_them(lab: str, host: str) -> None:
    if not (is_lab_name(lab) and is_host_name(host)):
        return
    instance = f"{lab}-{host}"
    assert re.fullmatch(r"[a-zA-Z]([a-zA-Z0-9-]*[a-zA-Z0-9])?", instance)  # Multipass
    for name in (instance, host):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name)  # DNS, Kubernetes


def test_a_topology_of_virtual_machines() -> None:
    text = (
        "provider: multipass\nimage: daily:24.04\nhosts: {master: {groups: [masters]}, "
        "w: {groups: [workers]}, s: {groups: [storage], memory: 2GiB, disk: 30G, cpus: 1}}"
    )
    found = parse(text, "x.yaml")
    assert [each.size for each in found.machines()] == [
        Size(2, 6 * GIB, 50 * GIB), Size(2, 6 * GIB, 20 * GIB), Size(1, 2 * GIB, 30 * GIB),
    ]  # fmt: skip
    assert found.way_out
    assert parse(found.text(), "x") == found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("network: 10.1.0.0/24", "network: means nothing to the provider multipass"),
        ("internet: true", "internet: means nothing to the provider multipass"),
        ("hosts: {a: {kernel: uml}}", "hosts.a.kernel: means nothing to the provider multipass"),
        ("hosts: {a: {address: 10.77.0.9}}", "hosts.a.address: means nothing"),
        ("hosts: {a: {memory: 100M}}", "hosts.a.memory: expected at least 512M, got '100M'"),
        ("hosts: {a: {memory: much}}", "hosts.a.memory: expected a size such as 6G or 512M"),
        ("hosts: {a: {disk: 1G}}", "hosts.a.disk: expected at least 5G, got '1G'"),
        ("hosts: {a: {cpus: 0}}", "hosts.a.cpus: input should be greater than or equal to 1"),
        ("image: --x", "image: string should match pattern"),
    ],
)
def test_what_such_a_topology_may_not_say(text: str, sentence: str) -> None:
    hosts = "" if "hosts" in text else "\nhosts: {a: {}}"
    with pytest.raises(BadInput, match=re.escape(sentence)):
        parse(f"provider: multipass\n{text}{hosts}", "x.yaml")


@pytest.mark.parametrize("key", ["image: '24.04'", "cpus: 2", "memory: 6G", "disk: 50G"])
def test_hosts_of_the_embedded_lab_have_no_sizes(key: str) -> None:
    text = f"{key}\nhosts: {{a: {{}}}}" if "image" in key else f"hosts: {{a: {{{key}}}}}"
    with pytest.raises(BadInput, match="means nothing to the provider nspawn"):
        parse(text, "x.yaml")


def test_the_environment_of_this_repository() -> None:
    file = Path(__file__).parents[4] / "inventories/multipass.yaml"
    found = parse(file.read_text(), "x")
    assert {each.name: each.size for each in found.machines()} == {
        "master": Size(2, 6 * GIB, 50 * GIB),
        "worker1": Size(2, 6 * GIB, 20 * GIB),
        "worker2": Size(2, 6 * GIB, 20 * GIB),
        "storage": Size(2, 4 * GIB, 50 * GIB),
    }
    assert found.image == "24.04"
