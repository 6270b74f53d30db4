"""The interface by which the rest of the lab knows providers."""

from __future__ import annotations

import inspect
import sys
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab import provider
from whisklab.lab.provider import Provider, Wish
from whisklab.lab.providers.nspawn import root
from whisklab.lab.topology import parse

PACKAGE = Path(provider.__file__).parent
WISH = Wish("x", "lab", "key", Path("id"), IPv4Network("10.77.0.0/24"), False, {}, (), {})  # noqa: FBT003


@pytest.mark.parametrize("name", provider.names())
def test_each_provider_has_all_of_the_interface(name: str) -> None:
    found = provider.get(name)
    for method in (each for each in vars(Provider) if not each.startswith("_")):
        wanted, there = vars(Provider)[method], getattr(type(found), method)
        assert list(inspect.signature(there).parameters) == list(
            inspect.signature(wanted).parameters
        )


def test_an_unknown_one_is_told() -> None:
    with pytest.raises(
        BadInput, match="there is no provider 'docker': there is nspawn, multipass, vagrant"
    ):
        provider.get("docker")


def test_only_the_registry_knows_providers() -> None:
    """The next one is to be a folder and a line."""
    above = [path for path in PACKAGE.rglob("*.py") if "providers" not in path.parts]
    assert len(above) > 10
    for path in above:
        named = path.read_text().count("lab.providers.")
        assert named == (len(provider.names()) if path == Path(provider.__file__) else 0), path


def test_nspawn_imports_no_kind_of_its_hosts() -> None:
    for path in (PACKAGE / "providers/nspawn").glob("*.py"):
        assert not any(
            line.startswith(("from", "import")) and "providers.uml" in line
            for line in path.read_text().splitlines()
        ), path


def test_the_network_of_the_nat_is_refused() -> None:
    taken = replace(WISH, internet=True, network=IPv4Network("192.0.2.0/24"))
    with pytest.raises(BadInput, match="network: expected another network than 192"):
        provider.get("nspawn").check(taken)
    provider.get("nspawn").check(replace(taken, internet=False))


def test_a_topology_is_machines() -> None:
    text = "hosts: {a: {groups: [masters], forward: [80]}, b: {address: 10.77.0.9, kernel: uml}}"
    first, second = parse(text, "x.yaml").machines()
    assert (first.groups, str(first.address), first.ports, first.kernel) == (
        ("masters",), "10.77.0.11", (22, 80), "auto",
    )  # fmt: skip
    assert (str(second.address), second.ports, second.kernel) == ("10.77.0.9", (22,), "uml")


def test_root_is_stopped_when_what_it_does_is_not_wanted_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endless = 'import time; print(\'{"event": "progress", "value": "on"}\', flush=True)'
    argv = [sys.executable, "-c", f"{endless}; time.sleep(3600)"]
    monkeypatch.setattr(root, "command", lambda *_, **__: argv)

    def refuse(_line: str) -> None:
        raise WhisklabError("another part has failed")

    with pytest.raises(WhisklabError, match="another part has failed"):
        root.ask("up", {}, refuse)
