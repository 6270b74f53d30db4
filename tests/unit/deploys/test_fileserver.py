"""The file server's unit: what it serves, where, and as whom."""

from __future__ import annotations

import configparser

import pytest

from deploys.fileserver import render


def test_it_serves_one_directory_at_one_address_without_privileges() -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(render.unit("10.0.0.14", 8003))
    service = parser["Service"]
    start = service["ExecStart"].split()
    assert start[start.index("--bind") + 1] == "10.0.0.14"
    assert start[start.index("--directory") + 1] == render.DIRECTORY
    assert "8003" in start
    assert service["DynamicUser"] == "yes"
    assert parser["Install"]["WantedBy"] == "multi-user.target"


def test_another_port_restarts_it() -> None:
    one, other = (render.wish(render.unit("10.0.0.14", port)) for port in (8003, 8004))
    assert one.keys() == other.keys() == {render.UNIT}
    assert one != other


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.0.0.14", "http://10.0.0.14:8003"), ("fd00::1", "http://[fd00::1]:8003")],
)
def test_its_url(address: str, expected: str) -> None:
    assert render.url(address, 8003) == expected
