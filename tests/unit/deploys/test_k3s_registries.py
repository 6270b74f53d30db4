"""What a user writes into k3s_registries is used by k3s, or refused by the name it breaks."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from pydantic import ValidationError

from deploys.k3s.registries import NAME, NAMES, broken, mistake
from deploys.k3s.settings import K3sSettings

PASSWORD = "a b#c:%7e'\"$7a"  # noqa: S105  no secret
GOOD: dict[str, Any] = {
    "mirrors": {
        "upstream.example": {"endpoint": ["https://registry.lab.example:5000"]},
        "docker.io": {
            "endpoint": ["registry.lab.example:5000"],
            "rewrite": {"^(.*)$": "v1.2/team/$1"},
        },
        "*": {"endpoint": ["http://cache.example/v2"]},
        "quay.io": None,
    },
    "configs": {
        "*": {"tls": {"insecure_skip_verify": True}},
        "registry.lab.example:5000": {
            "auth": {"username": "lab-pull", "password": PASSWORD},
            "tls": {"ca_file": "/etc/lab/ca.crt"},
        },
        "other.example:8443": {"auth": {"identity_token": PASSWORD}},
    },
}


def changed(*path: str, value: object) -> dict[str, Any]:
    """Return the good one with one thing set."""
    made = copy.deepcopy(GOOD)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


def test_what_k3s_takes_is_taken() -> None:
    assert mistake(GOOD) is None
    assert mistake({}) is None
    both = {"docker.io": {"endpoint": ["http://cache.lab:5000"]}}
    here = {"cache.lab": {"auth": {"username": "r"}}}
    assert mistake({"mirrors": both, "configs": here}) is not None
    assert mistake({"mirrors": both, "configs": {**here, "cache.lab:5000": None}}) is None
    assert mistake({"mirrors": {"[::1]:5000": {"endpoint": ["https://[::1]:5000"]}}}) is None
    assert mistake({"configs": {"r.example.org": {"auth": {"username": "r"}}}}) is None


def test_it_is_refused_with_the_settings() -> None:
    assert K3sSettings(registries=GOOD).registries == GOOD
    with pytest.raises(
        ValidationError, match="k3s_registries: mirror: k3s knows no such key"
    ) as no:
        K3sSettings(registries=changed("mirror", value={}))
    assert PASSWORD not in no.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("mirror",), {}, "mirror: k3s knows no such key"),
        (("mirrors", "quay.io"), {"endpoints": []}, 'mirrors."quay.io".endpoints: k3s knows no'),
        (("configs", "x.example"), {"auth": {"pasword": PASSWORD}},
         'configs."x.example".auth.pasword: k3s knows no such key'),
        (("mirrors", "quay.io"), {"endpoint": "https://x"},
         'mirrors."quay.io".endpoint: input should be a valid list'),
        (("mirrors", "quay.io"), {"endpoint": ["ftp://x"]}, "ftp://x is no address of a registry"),
        (("mirrors", "quay.io"), {"endpoint": ["https://"]}, "https:// is no address"),
        (("mirrors", "quay.io"), {"endpoint": ["https//reg:5000"]}, "https//reg:5000 is no"),
        (("mirrors", "quay.io"), {"endpoint": ["https://reg:port"]}, "https://reg:port is no"),
        (("mirrors", "quay.io"), {"endpoint": ["https://[::1"]}, "https://[::1 is no address"),
        (("mirrors", "quay.io"), {"endpoint": [f"ftp://u:{PASSWORD}@reg"]}, "reg is no address"),
        (("mirrors", "https://quay.io"), {"endpoint": ["reg"]},
         'mirrors."https://quay.io": it is no registry'),
        (("configs", "https://reg:5000"), None, 'configs."https://reg:5000": it is no registry'),
        (("configs", "[::1"), None, 'configs."[::1": it is no registry'),
        (("configs", "*", "auth"), {"username": "u", "password": PASSWORD},
         'configs."*".auth: containerd gives an account only to the registry that is named'),
        (("configs",), {"registry.lab.example": {"auth": {"password": PASSWORD}}},
         'configs."registry.lab.example": registry.lab.example:5000 is asked, which is another'),
        (("mirrors", "docker.io", "rewrite"), {"^rancher/": "$1"},
         "$1, which is no group of the pattern, so rancher/mirrored-pause becomes mirrored-pause"),
    ],
)  # fmt: skip
def test_what_would_not_be_used_is_named(path: tuple[str, ...], value: object, said: str) -> None:
    found = mistake(changed(*path, value=value))
    assert found is not None
    assert said in found
    assert PASSWORD not in found


@pytest.mark.parametrize(
    ("pattern", "replacement", "said"),
    [
        ("^(.*)$", "v1/$1", None),
        ("^library/(.*)", "docker/${1}", None),
        ("^(?P<all>.*)$", "x/${all}", None),
        ("^openwhisk/", "mirror/openwhisk/", None),
        ("nowhere-at-all", "$0", None),
        (r"^(\pL+)/(.*)$", "x/$2", None),  # here and below Python cannot tell
        ("^(?i)library/(.*)$", "x/$1", None),
        ("^(?<all>.*)$", "x/${all}", None),
        ("(?U)^(.*)/", "x/$1", None),
        ("(?i)^LIBRARY/(.*)$", "x/$1", None),
        ("^(?!library/)(.*)$", "x/$1", "of Go, which know no (?!: write it without"),
        ("^(?=lib)(.*)", "x/$1", "know no (?="),
        (r"^([a-z]+)/\1$", "x/$1", r"know no \1"),
        (r"^(.*)\Z", "x/$1", r"know no \Z"),
        ("^(.*)++$", "x/$1", "know no"),
        ("^(.*)$", "team_$1x/a", "$1x, which is no group of the pattern"),
        ("^library/(.*)", "$2", "so library/busybox becomes nothing"),
        ("^(.*)$", "/$1", "library/busybox becomes /library/busybox, which is no name"),
        ("(.*)", "x/$1", None),
        ("b*", "-", "library/busybox becomes -l-i-r"),
        ("^library", "", "library/busybox becomes /busybox"),
        ("^(.*$", "x", "it is no regular expression"),
        ("^(.*)$", "$$/$1", "becomes $/library/busybox"),
    ],
)
def test_rules_are_tried_on_names(pattern: str, replacement: str, said: str | None) -> None:
    found = broken(pattern, replacement)
    assert found == said if said is None or found is None else said in found


def test_the_names_are_names() -> None:
    assert all(NAME.fullmatch(each) for each in NAMES)
