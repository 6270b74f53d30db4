"""registries.yaml, of the environment's own registry and of what the data say."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml

from deploys.k3s import mirrors, render
from deploys.k3s.settings import K3sSettings
from whisklab.engine.registries.access import Access

DEFAULTS = K3sSettings()


def test_the_environment_s_registry_is_in_registries_yaml_below_what_the_data_say() -> None:
    access = Access("10.0.0.4:5000", "nodes", "hunter2", "-----BEGIN\n")
    ours = yaml.safe_load(str(mirrors.registries(DEFAULTS, access)))
    endpoint = {"endpoint": ["https://10.0.0.4:5000"]}
    assert ours == {"configs": {"10.0.0.4:5000": {
        "auth": {"username": "nodes", "password": "hunter2"},
        "tls": {"ca_file": render.REGISTRY_CA},
    }}, "mirrors": {"10.0.0.4:5000": endpoint}}  # fmt: skip
    mirror = yaml.safe_load(str(mirrors.registries(DEFAULTS, replace(access, mirrors=["*"]))))
    assert mirror["mirrors"] == {"10.0.0.4:5000": endpoint, "*": endpoint}
    given: dict[str, Any] = {"mirrors": {"docker.io": {"endpoint": ["http://x"]}},
             "configs": {"10.0.0.4:5000": {"auth": {"password": "other"}}, "x": {}}}  # fmt: skip
    both = yaml.safe_load(str(mirrors.registries(K3sSettings(registries=given), access)))
    assert both["mirrors"] == {**given["mirrors"], "10.0.0.4:5000": endpoint}
    assert both["configs"]["x"] == {}
    config = both["configs"]["10.0.0.4:5000"]
    assert config["auth"] == {"username": "nodes", "password": "other"}
    assert config["tls"] == {"ca_file": render.REGISTRY_CA}
    assert mirrors.registries(DEFAULTS, None) is None
    assert mirrors.registry_ca(access) == f"{render.HEADER}\n-----BEGIN\n"
    assert "hunter2" not in repr(access)


THEIRS = Access(
    "harbor.example", "robot$lab+pull", "hunter2", None, ["docker.io", "*"], "lab.v1/team",
    theirs=True,
)  # fmt: skip


def test_a_registry_that_is_there_gets_names_below_its_project() -> None:
    found = yaml.safe_load(str(mirrors.registries(DEFAULTS, THEIRS)))
    login = {"username": "robot$lab+pull", "password": "hunter2"}
    assert found["configs"] == {"harbor.example": {"auth": login}}
    endpoint = ["https://harbor.example"]
    below = {"endpoint": endpoint, "rewrite": {"^(.*)$": "lab.v1/team/$1"}}
    assert found["mirrors"] == {
        "harbor.example": {"endpoint": endpoint}, "docker.io": below, "*": below,
    }  # fmt: skip
    assert mirrors.registry_ca(THEIRS) is None
    nobody = yaml.safe_load(str(mirrors.registries(DEFAULTS, replace(THEIRS, account=""))))
    assert nobody["configs"] == {"harbor.example": {}}
    trusting = replace(THEIRS, authority="-----BEGIN\n", project="")
    found = yaml.safe_load(str(mirrors.registries(DEFAULTS, trusting)))
    assert found["configs"]["harbor.example"]["tls"] == {"ca_file": render.REGISTRY_CA}
    assert found["mirrors"]["*"] == {"endpoint": endpoint}


@pytest.mark.parametrize("name", ["one", "lab/one", "a/b/c/d", "library/busy_box-1.2"])
def test_the_rewrite_takes_whole_names_once(name: str) -> None:
    """As k3s does, which is Go: a pattern, and $1 for its first group."""
    found = yaml.safe_load(str(mirrors.registries(DEFAULTS, THEIRS)))
    ((pattern, target),) = found["mirrors"]["docker.io"]["rewrite"].items()
    assert re.sub(pattern, target.replace("$1", r"\1"), name, count=0) == f"lab.v1/team/{name}"
