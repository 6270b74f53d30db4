"""What one has after a deploy: nodes, pods that answer, DNS, a kubeconfig, secrets of root's."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from kubernetes import client, config

from tests.e2e.cluster.site import Site

pytestmark = pytest.mark.e2e

BUSYBOX = "docker.io/rancher/mirrored-library-busybox:1.36.1"
ROLES = {"master": "core", "worker1": "invoker", "worker2": "invoker"}
PODS_WITHIN = 120  # seconds
WSKPROPS = {"/root/.wskprops": "root root 600", "/home/lab/.wskprops": "lab lab 600"}
MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {{name: web-{node}, labels: {{app: web-{node}}}}}
spec:
  nodeName: {node}
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: {image}
    command: [sh, -c, "mkdir /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www"]
---
apiVersion: v1
kind: Service
metadata: {{name: web-{node}}}
spec:
  type: NodePort
  selector: {{app: web-{node}}}
  ports: [{{port: 8080}}]
"""


def test_all_nodes_are_ready_and_labelled(site: Site) -> None:
    nodes = {node["metadata"]["name"]: node for node in site.objects("nodes")}
    assert set(nodes) == set(ROLES)
    for name, node in nodes.items():
        conditions = {c["type"]: c["status"] for c in node["status"]["conditions"]}
        assert conditions["Ready"] == "True"
        assert node["metadata"]["labels"]["openwhisk-role"] == ROLES[name]


def test_the_hosts_are_what_was_asked_for(site: Site) -> None:
    for host in site.lab["hosts"]:
        name = host["name"]
        assert site.ssh(name, "hostname").strip() == name
        assert site.ssh(name, "id", "-un").strip() == site.lab["user"] != "root"
        for peer in site.lab["hosts"]:
            assert peer["address"] in site.ssh(name, "getent", "ahostsv4", peer["name"])
        assert site.ssh(name, "cat", "/proc/sys/net/ipv4/ip_forward").strip() == "1"
        assert "jq" in site.ssh(name, "jq", "--version")


def test_secrets_on_the_hosts_are_root_s_alone(site: Site) -> None:
    for host in ROLES:
        modes = site.root(host, "stat -c '%a %U %n' /etc/rancher/k3s/*")
        assert {line.split()[0] for line in modes.splitlines()} == {"600"}, modes
        token = (site.directory / f".secrets/{site.name}/k3s_token").read_text().strip()
        readable = site.ssh(host, "grep", "-rlsF", token, "/etc", "/run", "/tmp", check=False)
        assert readable == ""


@pytest.fixture(scope="module")
def pods(site: Site) -> Iterator[dict[str, int]]:
    """A web server on each node behind a NodePort of its own; returns node to port."""
    manifest = "---\n".join(MANIFEST.format(node=node, image=BUSYBOX) for node in ROLES)
    subprocess.run(
        [*site.ssh_command("master"), "sudo k3s kubectl apply -f -"],
        input=manifest, text=True, check=True, timeout=60,
    )  # fmt: skip
    site.kubectl("wait", "--for=condition=Ready", f"--timeout={PODS_WITHIN}s", "pod",
                 *(f"web-{node}" for node in ROLES))  # fmt: skip
    ports = {
        service["metadata"]["name"].removeprefix("web-"): service["spec"]["ports"][0]["nodePort"]
        for service in site.objects("services")
        if service["metadata"]["name"].startswith("web-")
    }
    yield ports
    for node in ROLES:
        site.kubectl("delete", f"pod/web-{node}", f"service/web-{node}")


def get(site: Site, through: str, address: str, port: int) -> str:
    """HTTP GET from the laptop's side, through the SSH connection to one host."""
    deadline = time.monotonic() + 30
    while True:
        done = subprocess.run(
            site.ssh_command(through, "-W", f"{address}:{port}"),
            input="GET / HTTP/1.0\r\n\r\n", capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
        if " 200 " in head or time.monotonic() > deadline:
            assert " 200 " in head, f"{address}:{port}: {done.stdout}{done.stderr}"
            return body.strip()


def test_a_pod_on_each_node_answers_through_a_nodeport(site: Site, pods: dict[str, int]) -> None:
    addresses = {host["name"]: host["address"] for host in site.lab["hosts"]}
    for node, port in pods.items():
        # On its own node, and on every other one: the service is routed between nodes.
        for entry in ROLES:
            assert get(site, "storage", addresses[entry], port) == f"web-{node}"


def test_dns_works_in_each_pod(site: Site, pods: dict[str, int]) -> None:
    clusterip = {s["metadata"]["name"]: s["spec"]["clusterIP"] for s in site.objects("services")}
    for node in pods:
        for name, address in (("kubernetes", clusterip["kubernetes"]),
                              ("web-worker1", clusterip["web-worker1"])):  # fmt: skip
            full = f"{name}.default.svc.cluster.local"
            answer = site.kubectl("exec", f"web-{node}", "--", "nslookup", full)
            assert address in answer, answer
        body = site.kubectl(
            "exec", f"web-{node}", "--", "wget", "-qO-", "http://web-worker2.default:8080/"
        )
        assert body.strip() == "web-worker2"


def test_the_laptop_s_kubeconfig_works(site: Site) -> None:
    path = site.directory / f".secrets/{site.name}/kubeconfig"
    assert path.stat().st_mode & 0o777 == 0o600
    api = config.new_client_from_config(str(path))
    nodes = client.CoreV1Api(api).list_node(_request_timeout=30).items
    assert {node.metadata.name for node in nodes if node.metadata} == set(ROLES)


THEIRS = """
apiVersion: v1
kind: Config
current-context: theirs
clusters: [{name: theirs, cluster: {server: "https://192.0.2.1:6443"}}]
users: [{name: theirs, user: {}}]
contexts: [{name: theirs, context: {cluster: theirs, user: theirs}}]
"""


def test_the_kubeconfig_is_merged_on_request(site: Site, tmp_path: Path) -> None:
    own = tmp_path / "config"
    own.write_text(THEIRS)
    own.chmod(0o600)
    data = site.directory / f"group_data/{site.name}.py"
    original = data.read_text()
    data.write_text(original + "k3s_merge_kubeconfig = True\n")
    try:
        with site.variables(KUBECONFIG=str(own)):
            assert site.converge() == {("k3s: cluster | Kubeconfig on the laptop", "master")}
            assert site.converge() == set()
    finally:
        data.write_text(original)
    assert own.stat().st_mode & 0o777 == 0o600
    contexts, current = config.list_kube_config_contexts(str(own))
    assert {context["name"] for context in contexts} == {"theirs", site.name}
    assert current["name"] == "theirs"
    api = config.new_client_from_config(str(own), context=site.name)
    assert client.CoreV1Api(api).list_node(_request_timeout=30).items
    with site.variables(KUBECONFIG=str(own)):  # the setting is off again
        assert site.converge() == {("k3s: cluster | Kubeconfig on the laptop", "master")}
        assert site.converge() == set()
    assert yaml.safe_load(own.read_text()) == yaml.safe_load(THEIRS)


def test_wsk_is_configured_and_put_right_again(site: Site) -> None:
    """It knows where OpenWhisk is: for two users, and for nobody else to read."""
    address = next(host["address"] for host in site.lab["hosts"] if host["name"] == "master")
    for path, state in WSKPROPS.items():
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
