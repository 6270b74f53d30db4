"""Each setting of group_data/all.py with another valid value, or why it has none here."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from deploys import models
from tests.e2e.cluster.site import Site

AGENTS = "workers"  # whose data the labels are in
_REGISTRIES = '{"mirrors": {"example.org": {"endpoint": ["http://10.77.0.14"]}}}'
UUID = "00000000-0000-4000-8000-000000000000"
_FEWER = repr({
    language: [{"kind": kind, "image": f"openwhisk/action-{image}", "default": True}]
    for language, kind, image in (
        ("nodejs", "nodejs:14", "nodejs-v14:1.20.0"),
        ("python", "python:3", "python-v3.7:1.17.0"),
        ("swift", "swift:4.2", "swift-v4.2:1.17.0"),
    )
})  # fmt: skip
FURTHER = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: further}\n"


@dataclass(frozen=True)
class Change:
    """A setting with another value.

    Attributes:
        name: of the setting.
        value: as Python writes it; "" for none.
        refused: what a plan says, if it refuses the value.
        why_not: why there is no other value here.
        group: whose data it is in; "" for the environment's.
        heavy: it takes minutes, so it is left to `make soak`.
    """

    name: str
    value: str = ""
    refused: str = ""
    why_not: str = ""
    group: str = ""
    heavy: bool = False

    @property
    def text(self) -> str:
        """The line of the data."""
        return f"{self.name} = {self.value}\n"


def changes(site: Site) -> list[Change]:
    """All settings, in the order of group_data/all.py.

    The lab's catalogue has one version of each thing: said, it is another value than None.
    """
    catalogue = Path(site.lab["catalogue"])
    versions = yaml.safe_load(catalogue.read_text())
    defaults = {product: repr(found["default"]) for product, found in versions.items()}
    return [
        Change("_sudo", why_not="the lab's user is not root"),
        Change("node_address", why_not="of one machine: the inventory has it"),
        Change("node_interface", why_not="of one machine: the inventory has it"),
        Change("api_address", why_not="of one machine: the inventory has it"),
        Change("catalogue", f'"{_copied(site, catalogue)}"'),
        Change("mirror", '"cn"'),
        Change("http_proxy", '"http://10.77.0.14:3128"', heavy=True),
        Change("https_proxy", '"http://10.77.0.14:3128"', heavy=True),
        Change("no_proxy", '[".example.org"]'),
        Change("offline", why_not="it restarts k3s on all nodes: test_closed.py has it"),
        Change("preflight_min_cpus", "2", group=AGENTS),
        Change("preflight_min_memory_mb", "600"),
        Change("preflight_min_disk_mb", "1024"),
        Change("preflight_accept", '["firewall"]'),
        Change("base_packages", '["ca-certificates", "curl", "iptables"]'),
        Change("base_modules", '["br_netfilter"]'),
        Change("base_sysctl", '{"net.ipv4.ip_forward": 1}'),
        Change("base_hosts_entries", "False"),
        Change("base_updates", "False"),
        Change("nfs_exports", '[{"path": "/var/nfs/kubedata"}, {"path": "/var/nfs/more"}]'),
        Change("fileserver_port", "8004", heavy=True),
        Change("registry_enabled", "False", heavy=True),
        *(
            Change(f"registry_{name}", why_not="needs a registry that is there, as one file has it")
            for name in ("url", "project", "account", "push_account", "ca")
        ),
        Change("registry_version", defaults["registry"]),
        Change("registry_port", "5555", heavy=True),
        Change("registry_push_port", "5556"),
        Change("registry_mirrors", '["mirrored.example"]'),
        Change("k3s_version", defaults["k3s"]),
        Change("k3s_cluster_cidr", '"10.52.0.0/16"', refused="cluster-cidr"),
        Change("k3s_service_cidr", '"10.53.0.0/16"', refused="service-cidr"),
        Change("k3s_cluster_init", why_not="a cluster keeps the store that it was made with"),
        Change("k3s_disable", '["servicelb", "traefik", "metrics-server"]', heavy=True),
        Change("k3s_https_listen_port", "7443", heavy=True),
        Change("k3s_tls_san", '["k3s.example.org"]', heavy=True),
        Change("k3s_server_config", '{"write-kubeconfig-mode": "0640"}', heavy=True),
        Change("k3s_agent_config", '{"node-label": ["rack=a"]}', heavy=True),
        Change("k3s_further_keys", '["a-new-key"]'),
        Change("k3s_registries", _REGISTRIES, heavy=True),
        Change("k3s_cgroup_v1", "False", refused=_cgroups(site)),
        Change("k3s_airgap_images", why_not="the hosts have no way out"),
        Change("k3s_dummy_route", "True", refused="say node_interface in the inventory"),
        Change("k3s_drain", "True"),
        Change("k3s_foreign_files", '"refuse"'),
        Change("k3s_ready_within", "240"),
        Change("k3s_merge_kubeconfig", "True"),
        Change("helm_version", defaults["helm"]),
        Change("node_labels", '{"openwhisk-role": "invoker", "rack": "a"}', group=AGENTS),
        Change("node_taints", '["dedicated=test:PreferNoSchedule"]', group=AGENTS),
        Change("provisioner_enabled", "False", heavy=True),
        Change("provisioner_version", defaults["nfs-subdir-external-provisioner"]),
        Change("provisioner_image", why_not="there is no other image of it here"),
        Change("provisioner_namespace", '"elsewhere"', refused="and a release cannot move"),
        Change("provisioner_server", '"10.77.0.14"'),
        Change("provisioner_path", '"/var/nfs/kubedata"'),
        Change("provisioner_mount_options", '["hard"]'),
        Change("provisioner_storage_class", '"other"', refused="a claim keeps its class"),
        Change("provisioner_default_class", "True"),
        Change("provisioner_reclaim_policy", '"Retain"'),
        Change("provisioner_archive_on_delete", "False"),
        Change("provisioner_values", '{"labels": {"further": "yes"}}'),
        Change("provisioner_timeout", "240"),
        Change("wsk_version", defaults["wsk"]),
        Change("wsk_api_host", '"10.77.0.12:31001"'),
        Change("wsk_auth", f'"{UUID}:{"a" * 64}"'),
        Change("openwhisk_enabled", "False", heavy=True),
        Change("openwhisk_version", defaults["openwhisk"]),
        Change("openwhisk_release", '"other"', refused="OpenWhisk runs as release owdev"),
        Change("openwhisk_namespace", '"other"', refused="OpenWhisk runs as release owdev"),
        Change("openwhisk_api_host", '"10.77.0.12"', heavy=True),
        Change("openwhisk_api_port", "31443", heavy=True),
        Change("openwhisk_storage_class", '"nfs-client"'),
        Change("openwhisk_image_prefix", why_not="tests/e2e/openwhisk/test_lasting_actions.py"),
        Change("openwhisk_kafka_image", why_not="there is no other image of it here"),
        Change("openwhisk_runtimes", _FEWER, heavy=True),
        Change("openwhisk_invokers", "2", heavy=True),
        Change("openwhisk_user_memory_mb", "1024"),
        Change("openwhisk_action_memory_mb", "128"),
        Change("openwhisk_action_memory_max_mb", "1024"),
        Change("openwhisk_invocations_per_minute", "120"),
        Change("openwhisk_invocations_concurrent", "60"),
        Change("openwhisk_triggers_per_minute", "120"),
        Change("openwhisk_alarms", "False", heavy=True),
        Change("openwhisk_kafka_provider", "False", heavy=True),
        Change("openwhisk_scheduler", why_not="the stand-in has none"),
        Change("openwhisk_metrics", why_not="it downloads, and the hosts have no way out"),
        Change("openwhisk_controller_heap_mb", "512"),
        Change("openwhisk_invoker_heap_mb", "512"),
        Change("openwhisk_certificate", why_not="tests/e2e/openwhisk/test_certificate.py"),
        Change("openwhisk_certificate_key", why_not="goes with the certificate"),
        Change("openwhisk_certificate_names", '["api.lab.example"]'),
        Change("openwhisk_public_credentials", "False"),
        Change("openwhisk_guest_auth", why_not="tests/e2e/openwhisk/test_adoption.py"),
        Change("openwhisk_system_auth", why_not="tests/e2e/openwhisk/test_adoption.py"),
        Change("openwhisk_db_password", why_not="tests/e2e/openwhisk/test_adoption.py"),
        Change("openwhisk_architectures", '["amd64", "arm64"]'),
        Change("openwhisk_offline", why_not="the hosts have no way out"),
        Change("openwhisk_sources_url", '"http://10.77.0.14:8003/openwhisk"'),
        Change("openwhisk_chart_edits", why_not="tests/contract/test_openwhisk_chart.py"),
        Change("openwhisk_chart_files", f'{{"templates/further.yaml": "{_further(site)}"}}'),
        Change("openwhisk_values", '{"nothing": {"further": "yes"}}'),
        Change("openwhisk_timeout", "800"),
        Change("releases", why_not="tests/e2e/cluster/test_releases.py"),
        Change("drift_ignored", '["Deployment/nothing spec.replicas"]'),
        Change("forwards", '{"files": "5003:10.77.0.14:8003"}'),
        Change("certs_days", "20"),
        Change("bundle_images", '["docker.io/library/alpine:3.20"]'),
        Change("bundle_ignored", '["team/app:rw"]'),
        Change("bundle_mirrors", '{"docker.io": "https://mirror.example"}'),
        Change("bundle_accounts", '{"docker.io": "lab"}'),
        Change(
            "bundle_packages",
            '{"debian-12": ["deb [trusted=yes] http://mirror.example/debian bookworm main"]}',
        ),
    ]


def _copied(site: Site, catalogue: Path) -> Path:
    copy = site.directory / "files/copied.yaml"
    copy.write_text(catalogue.read_text())
    return copy


def _cgroups(site: Site) -> str:
    """What a plan refuses where this machine, and so its hosts, has version 1 of control groups."""
    kind = site.root("master", "stat -f -c %T /sys/fs/cgroup").strip()
    return "" if kind == "cgroup2fs" else "control groups: master has version 1 of them"


def _further(site: Site) -> Path:
    path = site.directory / "files/further.yaml"
    path.write_text(FURTHER)
    return path


def documented() -> list[str]:
    """All settings, those that stand in a comment of group_data/all.py among them."""
    return ["_sudo", *(key for model in models() for key in model.data_keys())]


def drawn(everything: Iterable[Change], seed: int, count: int) -> list[Change]:
    """Settings that a run can take, drawn by a seed."""
    usable = [each for each in everything if each.value and not each.refused and not each.heavy]
    return random.Random(seed).sample(usable, count)  # noqa: S311  no secret
