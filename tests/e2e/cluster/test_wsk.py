"""wsk is on the master and knows where OpenWhisk is: for two users, and for nobody else to read."""

from __future__ import annotations

import pytest

from tests.e2e.cluster.site import Site

pytestmark = pytest.mark.e2e

FILES = {"/root/.wskprops": "root root 600", "/home/lab/.wskprops": "lab lab 600"}


def test_wsk_is_configured_and_put_right_again(site: Site) -> None:
    address = next(host["address"] for host in site.lab["hosts"] if host["name"] == "master")
    for path, state in FILES.items():
        assert site.root("master", f"stat -c '%U %G %a' {path}").strip() == state
    expected = f"whisk API host\t\t{address}:31001"
    assert site.ssh("master", "wsk", "property", "get", "--apihost").strip() == expected
    assert site.root("master", "HOME=/root wsk property get --apihost").strip() == expected
    site.ssh("master", "wsk", "property", "set", "--apihost", "elsewhere.test")
    site.root("master", "chmod 644 /root/.wskprops; rm /usr/local/bin/wsk")
    assert site.converge() == {
        ("wsk: fetch | wsk in the cache", "master"),
        ("wsk: files | wsk", "master"),
        ("wsk: files | Whom root's wsk talks to", "master"),
        ("wsk: files | Whom lab's wsk talks to", "master"),
    }
    assert site.ssh("master", "wsk", "property", "get", "--apihost").strip() == expected
    assert site.root("master", "stat -c '%U %G %a' /root/.wskprops").strip() == "root root 600"
    assert site.converge() == set()
