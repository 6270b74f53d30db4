"""What is said of a k3s that somebody else has installed."""

from __future__ import annotations

import yaml

from deploys.k3s import installed, lasting, render
from deploys.k3s.installed import Given, Installed
from deploys.k3s.settings import K3sSettings
from whisklab.engine.tls.certificates import Certificate

UNIT, ENV = "/etc/systemd/system/k3s.service", "/etc/systemd/system/k3s.service.env"
NODE = render.Node("m1", "10.0.0.1", None, is_server=True)
WANTED = yaml.safe_load(render.config(NODE, K3sSettings()))


def found(**given: tuple[str, ...] | None) -> Installed:
    """A k3s on m1 with these flags."""
    each = [Given(UNIT, key.replace("_", "-"), values) for key, values in given.items()]
    return Installed("M1", {one.name: one for one in each})


def refused(there: Installed, node: str | None = None) -> list[str]:
    """Why it cannot be what our data say."""
    places = {key: each.place for key, each in there.given.items()}
    return lasting.fixed("m1", installed.settings(there, node), WANTED, places)


def test_flags_with_what_we_want_or_none_are_well() -> None:
    for there in (found(), found(cluster_cidr=("10.42.0.0/16",), data_dir=(render.DATA,))):
        assert refused(there) == []
        assert installed.lost("m1", there, WANTED, None) is None


def test_flags_that_cannot_change_are_refused_with_their_place() -> None:
    (sentence,) = refused(found(cluster_cidr=("10.52.0.0/16",)))
    assert sentence.startswith(
        f"cluster-cidr: m1 runs with 10.52.0.0/16, as {UNIT} says, and k3s cannot change to "
        '10.42.0.0/16 on a node that is there: set k3s_cluster_cidr = "10.52.0.0/16", or build'
    )
    (sentence,) = refused(found(datastore_endpoint=None))
    assert f"runs with one that is not shown, as {UNIT} says" in sentence


def test_a_node_s_name_is_its_certificate_s_or_its_machine_s() -> None:
    assert refused(found(), "m1") == []
    (sentence,) = refused(found(), "old-name")
    assert "node-name: m1 runs with old-name, and" in sentence
    (sentence,) = refused(found(node_name=("other",)))
    assert f"node-name: m1 runs with other, as {UNIT} says" in sentence
    both = [Certificate("/a", "system:node:m1", None, None), Certificate("/b", "k3s", None, None)]
    assert installed.node_names(both) == ["m1"]


def test_what_will_be_lost_is_told_in_one_line() -> None:
    there = found(
        disable=("traefik", "local-storage"), node_label=("a=b", "c=d"), agent_token=None,
        cluster_cidr=("10.52.0.0/16",), flannel_backend=("vxlan",), token=None,
        https_listen_port=("6443",), selinux=("false",), etcd_s3_secret_key=None,
    )  # fmt: skip
    proxy = Given(ENV, "HTTP_PROXY", None)
    there = Installed("m1", {**there.given, "HTTP_PROXY": proxy})
    said = (
        f"disable=traefik,local-storage, node-label=a=b,c=d, agent-token, etcd-s3-secret-key of "
        f"{UNIT}; HTTP_PROXY of {ENV}: what is to stay goes into k3s_server_config"
    )
    assert said in (installed.lost("m1", there, WANTED, None) or "")
    wanted = {
        **WANTED, "disable": ["local-storage", "servicelb", "traefik"], "node-label+": ["a=b"],
        "node-label": ["c=d"], "agent-token-file": "/x", "etcd-s3-secret-key": "y",
    }  # fmt: skip
    assert installed.lost("m1", there, wanted, "# ours\nHTTP_PROXY=http://proxy\n") is None


def test_settings_in_a_file_elsewhere_are_refused() -> None:
    assert installed.elsewhere("m1", found(config=(render.CONFIG,))) == []
    (sentence,) = installed.elsewhere("m1", found(config=("/srv/k3s.yaml",)))
    assert sentence.startswith(f"config: the k3s of m1 reads /srv/k3s.yaml, as {UNIT} says")
