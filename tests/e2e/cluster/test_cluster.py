"""From machines that somebody has to a cluster: `init`, a deploy, and what one then has.

Nodes, pods that answer, DNS, a kubeconfig, secrets of root's. The hosts look like anybody's
(theirs.py): the lab's own inventory is used in all other files.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from kubernetes import client, config

from tests.documents import README, commands
from tests.e2e.bare import bare
from tests.e2e.cluster import theirs
from tests.e2e.cluster.asking import asking
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import judge

pytestmark = pytest.mark.e2e

BUSYBOX = "docker.io/rancher/mirrored-library-busybox:1.36.1"
ROLES = {"master": "core", "worker1": "invoker", "worker2": "invoker"}
APPLY_WITHIN = 1800  # seconds; everything for worker2 goes through two other hosts
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


@dataclass(frozen=True)
class Course:
    """What happened on the way from machines to a cluster.

    Attributes:
        config: the user's ssh_config.
        unknown: init, when nobody had compared the key of `back`.
        without_password: init, when that was given, and sudo asked.
        found: init, when its password was written.
        files: of the environment, after each of the three.
        applied: the deploy.
        again: the plan after it.
    """

    config: Path
    unknown: Run
    without_password: Run
    found: Run
    files: list[set[str]]
    applied: Run
    again: Run


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, lab_name: str, test_file: str) -> Iterator[Site]:
    """Hosts with nothing on them."""
    with bare(tmp_path_factory.mktemp("site"), lab_name, test_file) as made:
        yield made


@pytest.fixture(scope="module")
def course(lab: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """From machines to a cluster, as a user goes."""
    (lab.directory / lab.inventory).unlink()
    data = lab.directory / f"group_data/{lab.name}.py"
    data.write_text(f"{data.read_text()}openwhisk_enabled = False\n"
                    f"catalogue = {lab.lab['catalogue']!r}\n")  # fmt: skip
    password, files = secrets.token_hex(8), list[set[str]]()
    with asking(lab, "worker1", password):
        config = theirs.dress(lab, tmp_path_factory.mktemp("user"))
        init = ("init", lab.name, "front", "middle", "worker2=back", "certified",
                "--ssh-config", str(config))  # fmt: skip

        def run(*further: str) -> Run:
            done = lab.whisklab(*init, *further)
            there = (lab.directory / "inventories").glob(f"{lab.name}.*")
            files.append({each.suffix for each in there})
            return done

        unknown = run()
        without = run("--fingerprint", theirs.fingerprint(lab, "worker2"))
        kept = lab.directory / ".secrets" / lab.name / "sudo_password"
        kept.parent.mkdir(mode=0o700, parents=True)
        kept.touch(mode=0o600)
        kept.write_text(f"{password}\n")
        found = run("--json")
        assert found.code == 0, found.output
        with (lab.directory / lab.inventory).open("a") as text:  # it is the user's from now on
            port = next(h["forwards"]["6443"] for h in lab.lab["hosts"] if h["name"] == "master")
            text.write(f'masters[0][1]["api_address"] = "127.0.0.1:{port}"\n')
        applied = lab.run(".venv/bin/whisklab", "apply", lab.name, timeout=APPLY_WITHIN)
        yield Course(config, unknown, without, found, files, applied,
                     lab.whisklab("plan", lab.name))  # fmt: skip


@pytest.fixture(scope="module")
def site(lab: Site, course: Course) -> Site:
    """The cluster."""
    assert course.applied.code == 0, course.applied.output
    return lab


def test_a_host_key_that_nobody_has_compared_is_shown(course: Course, lab: Site) -> None:
    """And nobody logs in; those that the user's files have, or their signer, are not asked of."""
    print_ = theirs.fingerprint(lab, "worker2")
    judge(course.unknown, 2, f"worker2=back  ssh-ed25519  {print_}", "1 host keys are unknown",
          f"run again with --fingerprint {print_}")  # fmt: skip
    assert course.unknown.output.count("SHA256:") == 2, course.unknown.output
    assert course.files[0] == {".yaml"}


def test_a_sudo_that_asks_is_told_and_the_keys_are_kept(course: Course, lab: Site) -> None:
    judge(course.without_password, 1, "sudo on middle refuses asker",
          f"write the password to .secrets/{lab.name}/sudo_password")  # fmt: skip
    assert course.files[1:] == [{".yaml", ".known_hosts"}, {".yaml", ".known_hosts", ".py"}]
    text = (lab.directory / f"inventories/{lab.name}.known_hosts").read_text()
    for host in lab.hosts:
        assert text.count(theirs.host_key(lab, host)) == 1, text


def test_init_says_what_the_machines_are(course: Course, lab: Site) -> None:
    found = {each["name"]: each for each in json.loads(course.found.stdout)["machines"]}
    groups = {"master": ["masters"], "worker1": ["workers"], "worker2": ["workers"],
              "storage": ["storage", "registry"]}  # fmt: skip
    assert {name: each["groups"] for name, each in found.items()} == groups
    for host in lab.lab["hosts"]:
        each = found[host["name"]]
        assert each["node_address"] == host["address"]
        assert each["fingerprint"] == theirs.fingerprint(lab, host["name"])
        assert each["cpus"] == int(lab.ssh(host["name"], "nproc"))
    assert found["worker2"]["behind"] == "ProxyJump middle"


def test_what_init_writes_deploys(course: Course) -> None:
    judge(course.applied, 0)
    judge(course.again, 0, "nothing to change")


def test_another_host_key_is_refused(course: Course, lab: Site, tmp_path: Path) -> None:
    """By the user's known_hosts, by the environment's, and on the way to a host behind."""
    wrong = theirs.host_key(lab, "storage")
    known, config = tmp_path / "known_hosts", tmp_path / "ssh_config"
    own = course.config.with_name("known_hosts")
    known.write_text(own.read_text().replace(theirs.host_key(lab, "worker1"), wrong))
    config.write_text(course.config.read_text().replace(str(own), str(known)))
    done = lab.whisklab("init", "other", "middle", "--ssh-config", str(config))
    judge(done, 1, "middle shows another host key (SHA256:")
    done = lab.whisklab("init", "other", "back", "--ssh-config", str(config))
    judge(done, 1, "back is not reached by ssh: Host key verification failed")
    address = next(each["address"] for each in lab.lab["hosts"] if each["name"] == "worker2")
    plan = ("plan", lab.name, "--limit", "worker2")
    keys = f"inventories/{lab.name}.known_hosts"
    with changed(lab.directory / keys, theirs.host_key(lab, "worker2"), wrong):
        done = lab.whisklab(*plan)
    judge(done, 1, f"worker2 ({address}) shows another host key than {keys}", f"-R '{address}'")
    with changed(lab.directory / lab.inventory, str(course.config), str(config)):
        done = lab.whisklab(*plan)
    judge(done, 1, f"worker2 ({address}) is not reached through its jump host: Host key verif")


def test_each_command_of_the_readme_for_ones_own_machines_works(site: Site) -> None:
    """But for `init`, which the course has; its machines are these."""
    found = [line for line in commands(README) if "<name>" in line and " init " not in line]
    assert len(found) > 3
    for command in found:
        done = site.run("bash", "-c", command.replace("<name>", site.name))
        assert done.code == 0, done.output


@contextmanager
def changed(file: Path, old: str, new: str) -> Iterator[None]:
    """Have a text in a file replaced for a while."""
    before = file.read_text()
    assert old in before
    file.write_text(before.replace(old, new))
    try:
        yield
    finally:
        file.write_text(before)


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
