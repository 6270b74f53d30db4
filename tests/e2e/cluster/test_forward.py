"""`whisklab forward` from outside, and machines behind a proxy."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from kubernetes import client, config

from tests.e2e.cluster.background import interruptible
from tests.e2e.cluster.site import STYLE, Site
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

ENDS_WITHIN = 60  # seconds
PROXY = "http://me:hunter2@192.0.2.1:3128"  # RFC 5737: nobody is there


class Forward:
    """A running `whisklab forward`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        self.told: dict[str, Any] = json.loads(line)
        self.ports = {each["name"]: each["port"] for each in self.told["forwards"]}

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal; return exit code and stderr."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> tuple[int, str]:
        """Wait for its end; return exit code and stderr."""
        _, stderr = self.process.communicate(timeout=ENDS_WITHIN)
        return self.process.returncode, STYLE.sub("", stderr)


@contextmanager
def forwarding(site: Site, *arguments: str) -> Iterator[Forward]:
    argv = interruptible(".venv/bin/whisklab", "forward", site.name, "--json", *arguments)
    with subprocess.Popen(
        argv, cwd=site.directory, env=site.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            yield Forward(process)
        finally:
            process.kill()


def nodes(kubeconfig: Path) -> set[str]:
    api = config.new_client_from_config(str(kubeconfig))
    return {
        node.metadata.name
        for node in client.CoreV1Api(api).list_node(_request_timeout=30).items
        if node.metadata and node.metadata.name
    }


def banner(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        return connection.recv(100)


def listening(pid: int) -> set[str]:
    """The local addresses at which a process listens, as the kernel says."""
    listed = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    return {line.split()[3] for line in listed.splitlines() if f"pid={pid}," in line}


def let_in(site: Site, port: int) -> int:
    """The status by which the registry answers a push at a local port, known by its authority."""
    secrets = site.directory / ".secrets" / site.name
    password = (secrets / "registry_push").read_text().strip()
    trust = ssl.create_default_context(cafile=str(secrets / "ca_certificate"))
    there = f"https://127.0.0.1:{port}/v2/"
    return httpx.get(there, auth=("push", password), verify=trust, timeout=20).status_code


def written(directory: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in directory.rglob("*")}


def test_the_api_a_browser_s_port_and_ctrl_c(site: Site, tmp_path: Path) -> None:
    data = site.directory / f"group_data/{site.name}.py"
    original = data.read_text()
    kubeconfig = tmp_path / "kubeconfig"
    storage = next(host["address"] for host in site.lab["hosts"] if host["name"] == "storage")
    before = written(site.directory / ".secrets")
    data.write_text(original + 'forwards = {"worker": "worker1:22"}\n')
    try:
        with forwarding(
            site, "--port", f"storage={storage}:22", "--port", f"nobody={storage}:1",
            "--kubeconfig", str(kubeconfig),
        ) as forward:  # fmt: skip
            assert set(forward.ports) == {
                "kubernetes", "registry", "worker", "storage", "nobody",
            }  # fmt: skip
            assert forward.told["through"] == "master"
            assert listening(forward.process.pid) == {
                f"127.0.0.1:{port}" for port in forward.ports.values()
            }
            assert kubeconfig.stat().st_mode & 0o777 == 0o600
            assert nodes(kubeconfig) == set(site.hosts) - {"storage"}
            assert let_in(site, forward.ports["registry"]) == 200
            for name in ("worker", "storage"):
                assert banner(forward.ports[name]).startswith(b"SSH-2.0")
            # A client that hangs up, and a port where nobody answers, disturb nobody else.
            impolite = socket.create_connection(("127.0.0.1", forward.ports["kubernetes"]))
            impolite.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            impolite.sendall(b"\x16\x03\x01")
            impolite.close()
            assert banner(forward.ports["nobody"]) == b""
            assert nodes(kubeconfig) == set(site.hosts) - {"storage"}
            code, said = forward.end()
        assert code == 0
        assert f"nobody: nothing answers at {storage}:1 on master" in said
        assert "Traceback" not in said
    finally:
        data.write_text(original)
    assert written(site.directory / ".secrets") == before
    # The same port again at once, as one would have it; the file is its own and is replaced.
    port = forward.ports["kubernetes"]
    with forwarding(
        site, "--port", f"kubernetes={port}:127.0.0.1:6443", "--kubeconfig", str(kubeconfig)
    ) as again:
        assert again.ports["kubernetes"] == port
        assert nodes(kubeconfig) == set(site.hosts) - {"storage"}
        assert again.end(signal.SIGTERM)[0] == 0


def test_what_is_in_the_way(site: Site, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = site.whisklab("forward", site.name, "--port", f"web={port}:worker1:80")
    assert done.code == 1
    assert f"web: port {port} of 127.0.0.1 is taken" in done.output
    assert "Traceback" not in done.output
    theirs = tmp_path / "config"
    theirs.write_text("theirs")
    for arguments, sentence in (
        (("--kubeconfig", str(theirs)), f"{theirs}: is another file"),
        (("--port", "web=80"), "expected [LOCAL:]HOST:PORT"),
    ):
        done = site.whisklab("forward", site.name, *arguments)
        assert done.code == 2
        assert sentence in done.output
    assert theirs.read_text() == "theirs"
    done = site.whisklab("forward", site.name + "x")
    assert done.code == 2
    assert f"did you mean {site.inventory}?" in done.output


def test_the_ssh_connection_is_lost(site: Site) -> None:
    """Closed by the other end; that nobody answers any more is in test_interruption."""
    with forwarding(site) as forward:
        listed = site.root("master", "pgrep -a sshd").splitlines()
        session = next(line.split()[0] for line in listed if f"{site.lab['user']}@notty" in line)
        site.root("master", f"kill {session}")
        code, said = forward.ended()
    assert code == 1
    assert "the SSH connection to master is lost" in said
    assert "Traceback" not in said


def test_kubectl_without_one_on_the_laptop(site: Site) -> None:
    def kubectl(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [".venv/bin/whisklab", "kubectl", site.name, *arguments], input=given, check=False,
            cwd=site.directory, env=site.environment, capture_output=True, text=True,
        )  # fmt: skip

    listed = kubectl("get", "nodes", "-o", "name")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.splitlines() == ["node/master", "node/worker1", "node/worker2"]
    missing = kubectl("get", "configmap", "given")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert 'configmaps "given" not found' in missing.stderr
    text = 'it\'s "$HOME" ü'
    made = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "given"}}
    assert (
        kubectl("create", "-f", "-", given=json.dumps({**made, "data": {"a": text}})).returncode
        == 0
    )
    assert kubectl("get", "configmap", "given", "-o", "jsonpath={.data.a}").stdout == text
    assert kubectl("delete", "configmap", "given").returncode == 0


def environment_of(site: Site, host: str, service: str) -> set[str]:
    text = site.root(host, f"tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID {service})/environ")
    return set(text.splitlines())


def test_a_worker_behind_a_proxy(site: Site) -> None:
    inventory = site.directory / site.inventory
    original = inventory.read_text()
    changes = {
        ("k3s: files | Proxy", "worker1"),
        ("k3s: files | systemd unit", "worker1"),
        ("k3s: service | Service k3s-agent", "worker1"),
    }
    files = {"/etc/default/k3s-agent", "/etc/systemd/system/k3s-agent.service"}
    before = site.snapshots()
    inventory.write_text(original + (
        f"workers[0][1].update(http_proxy={PROXY!r}, https_proxy={PROXY!r}, "
        "no_proxy=['.example.org'])\n"
    ))  # fmt: skip
    try:
        shown = site.pyinfra(site.inventory, "-y", "-vvv", "--diff")
        assert shown.code == 0, shown.output
        assert "hunter2" not in shown.output
        assert only_the_worker_changed(site, before) == files
        mode = site.root("worker1", "stat -c '%a %U' /etc/default/k3s-agent")
        assert mode.split() == ["600", "root"]
        found = environment_of(site, "worker1", "k3s-agent")
        assert {f"HTTP_PROXY={PROXY}", f"HTTPS_PROXY={PROXY}"} <= found
        direct = next(line for line in found if line.startswith("NO_PROXY="))[9:].split(",")
        addresses = {host["address"] for host in site.lab["hosts"]}
        assert addresses | {".example.org", "10.42.0.0/16", "10.43.0.0/16", ".svc",
                            ".cluster.local", "127.0.0.0/8"} <= set(direct)  # fmt: skip
        assert "hunter2" not in site.ssh("worker1", "ps", "-eo", "args")
        assert site.converge() == set()
    finally:
        inventory.write_text(original)
    proxied = site.snapshots()
    assert site.converge() == changes - {("k3s: files | Proxy", "worker1")} | {
        ("k3s: files | No proxy", "worker1")
    }
    assert only_the_worker_changed(site, proxied) == files
    assert not any("PROXY" in each for each in environment_of(site, "worker1", "k3s-agent"))
    site.root("worker1", "echo THEIRS=1 > /etc/default/k3s-agent")
    assert site.converge() == set()
    site.root("worker1", "rm /etc/default/k3s-agent")
    until("worker1 is Ready", lambda: ready(site, "worker1"))


def only_the_worker_changed(site: Site, before: dict[str, Any]) -> set[str]:
    """Return the files that changed on worker1, where just its agent may have been restarted."""
    after = site.snapshots()
    for host in site.hosts:
        restarted = {name for name, process in before[host].services.items()
                     if after[host].services.get(name) != process}  # fmt: skip
        assert restarted == ({"k3s-agent.service"} if host == "worker1" else set())
        if host != "worker1":
            assert before[host].changed_files(after[host]) == set()
    changed: set[str] = before["worker1"].changed_files(after["worker1"])
    return changed


def ready(site: Site, node: str) -> bool:
    found = json.loads(site.kubectl("get", "node", node, "-o", "json"))
    conditions = found["status"]["conditions"]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
