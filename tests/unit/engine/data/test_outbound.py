"""Which way a machine's services go out."""

from __future__ import annotations

import pytest

from whisklab.engine.data.outbound import proxy

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("harbor.example", [], False),
        ("harbor.example", ["harbor.example"], True),
        ("Harbor.Example", ["HARBOR.example"], True),
        ("harbor.example", [".example"], True),
        ("harbor.example", ["*.example"], True),
        ("harbor.example", ["example"], True),
        ("harbor.example", ["bor.example", "other", "10.0.0.0/8"], False),
        ("example", [".example"], False),
        ("harbor.example", ["*"], True),
        ("10.0.0.9", ["10.0.0.0/8"], True),
        ("10.0.0.9", ["10.0.0.9"], True),
        ("192.168.0.9", ["10.0.0.0/8", ".example"], False),
        ("fd00::9", ["fd00::/64"], True),
    ],
)
def test_what_is_reached_directly(host: str, no_proxy: list[str], *, direct: bool) -> None:
    assert proxy(PROXY, no_proxy, host) == (None if direct else PROXY)
    assert proxy(None, no_proxy, host) is None
