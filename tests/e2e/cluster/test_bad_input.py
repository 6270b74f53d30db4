"""Bad input and faults: one sentence, the right exit code, no traceback, hosts unchanged."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster.faults import fault
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.trial import TRIAL, append, judge
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

PROVISIONER = ("provisioner | Release openwhisk-nfs", "master")


@pytest.fixture(scope="class")
def unchanged(site: Site) -> Iterator[None]:
    """Require that the hosts are the same before and after all tests of a class."""
    before = site.snapshots()
    yield
    assert site.snapshots() == before


@pytest.mark.usefixtures("unchanged")
class TestRefusedBeforeTheFirstConnection:
    """What cannot be right is told before any host is asked."""

    @pytest.mark.parametrize(
        ("file", "text", "sentence"),
        [
            ("inventories/{env}.py",
             "workers[0][1]['node_address'] = masters[0][1]['node_address']\n",
             "master have the same node_address"),
            ("group_data/{env}.py", "k3s_verison = 'v1.34.4+k3s1'\n",
             "group_data/trial.py: k3s_verison: unknown key, did you mean k3s_version?"),
            ("group_data/{env}.py", "k3s_version = 'v1.2.3+k3s1'\n",
             "has no k3s v1.2.3+k3s1; it has"),
        ],
    )  # fmt: skip
    def test_wrong_data(self, trial: Site, file: str, text: str, sentence: str) -> None:
        append(trial, file, text)
        judge(trial.pyinfra(f"inventories/{TRIAL}.py", "-y"), 2, sentence)

    def test_a_mistyped_inventory(self, site: Site) -> None:
        mistyped = site.inventory.replace(site.name, f"x{site.name[1:]}")
        judge(site.pyinfra(mistyped, "-y"), 2, f"did you mean {site.inventory}?")

    def test_a_limit_that_leaves_no_host(self, site: Site) -> None:
        judge(site.pyinfra(site.inventory, "-y", "--limit", "wroker1"), 2, "--limit leaves no host")

    def test_another_directory(self, site: Site) -> None:
        elsewhere = site.directory / "inventories"
        done = site.run(
            "sh", "-c", f"cd {elsewhere} && ../.venv/bin/pyinfra {site.name}.py ../deploy.py -y"
        )
        judge(done, 1, "run pyinfra in the directory of config.py")


class Half(BaseHTTPRequestHandler):
    """Promises 1000 bytes and sends 500."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 500)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def with_catalogue(site: Site, url: str, sha256: str) -> None:
    """Give the trial a catalogue whose k3s is another file than the one that is installed."""
    catalogue = yaml.safe_load(Path(site.lab["catalogue"]).read_text())
    product = catalogue["k3s"]
    product["versions"][product["default"]]["k3s"]["amd64"] = {"url": url, "sha256": sha256}
    path = site.directory / "trial-catalogue.yaml"
    path.write_text(yaml.safe_dump(catalogue))
    append(site, "inventories/{env}.py",
           "for _group in (masters, workers, storage, registry):\n"
           "    for _, _data in _group:\n"
           f"        _data['catalogue'] = {str(path)!r}\n")  # fmt: skip


@pytest.mark.usefixtures("unchanged")
class TestRefusedBeforeAnyChange:
    """What turns out to be wrong on the way to the hosts."""

    def test_a_wrong_checksum(self, trial: Site, tmp_path: Path) -> None:
        bad = tmp_path / "k3s"
        bad.write_bytes(b"not what the catalogue says")
        with_catalogue(trial, bad.as_uri(), hashlib.sha256(b"something else").hexdigest())
        done = trial.pyinfra(f"inventories/{TRIAL}.py", "-y")
        judge(done, 1, "the catalogue says", "it was not installed")

    def test_a_truncated_download(self, trial: Site, tmp_path: Path) -> None:
        empty = tmp_path / "cache"
        with serving(Half) as url, trial.variables(XDG_CACHE_HOME=str(empty)):
            with_catalogue(trial, f"{url}/k3s", hashlib.sha256(b"x" * 1000).hexdigest())
            done = trial.pyinfra(f"inventories/{TRIAL}.py", "-y")
        judge(done, 1, "broke off after", "run again")
        cached = (empty / "whisklab").rglob("k3s*")
        # The next run continues it; nothing is there under the name of the file.
        assert {path.name for path in cached if path.is_file()} == {"k3s.part", "k3s.part.from"}

    def test_an_unwritable_cache(self, trial: Site) -> None:
        with serving(Half) as url, trial.variables(XDG_CACHE_HOME="/proc/cache"):
            with_catalogue(trial, f"{url}/k3s", hashlib.sha256(b"x" * 1000).hexdigest())
            done = trial.pyinfra(f"inventories/{TRIAL}.py", "-y")
        judge(done, 1, "/proc/cache/whisklab/artifacts", "cannot be written", "XDG_CACHE_HOME")

    def test_a_wrong_host_key(self, trial: Site) -> None:
        known = Path(trial.lab["known_hosts"]).read_text().splitlines()
        swapped = trial.directory / "swapped_known_hosts"
        names = [line.split(None, 1)[0] for line in known]
        keys = [line.split(None, 1)[1] for line in known]
        swapped.write_text(
            "".join(f"{n} {k}\n" for n, k in zip(names, keys[1:] + keys[:1], strict=True))
        )
        append(trial, "inventories/{env}.py",
               f"workers[0][1]['ssh_known_hosts_file'] = {str(swapped)!r}\n")  # fmt: skip
        done = trial.pyinfra(f"inventories/{TRIAL}.py", "-y")
        judge(
            done, 1, "worker1", "shows another host key", "nothing was changed, because of worker1"
        )

    def test_an_unknown_host_key(self, trial: Site) -> None:
        empty = trial.directory / "no_known_hosts"
        empty.touch()
        append(trial, "inventories/{env}.py",
               f"workers[0][1]['ssh_known_hosts_file'] = {str(empty)!r}\n")  # fmt: skip
        done = trial.pyinfra(f"inventories/{TRIAL}.py", "-y")
        judge(done, 1, "worker1", "has no host key in", "nothing was changed")
        assert empty.read_text() == ""


def test_sudo_refused_on_one_host(trial: Site) -> None:
    trial.root(
        "worker2",
        "id nosudo 2>/dev/null || useradd -m nosudo; install -d -o nosudo -m 700 ~nosudo/.ssh; "
        "install -o nosudo -m 600 ~lab/.ssh/authorized_keys ~nosudo/.ssh/authorized_keys",
    )
    before = trial.snapshots()
    append(trial, "inventories/{env}.py", "workers[1][1]['ssh_user'] = 'nosudo'\n")
    done = trial.pyinfra(f"inventories/{TRIAL}.py", "-y")
    judge(done, 1, "sudo on worker2 refuses nosudo", f".secrets/{TRIAL}/sudo_password",
          "nothing was changed, because of worker2")  # fmt: skip
    assert trial.snapshots() == before


def test_a_sudo_password_goes_to_sudo_and_nowhere_else(trial: Site) -> None:
    password = "correct horse"  # noqa: S105  of a user of the lab
    trial.root(
        "worker2",
        "id asked 2>/dev/null || useradd -m asked; install -d -o asked -m 700 ~asked/.ssh; "
        "install -o asked -m 600 ~lab/.ssh/authorized_keys ~asked/.ssh/authorized_keys; "
        f"echo 'asked:{password}' | chpasswd; echo 'asked ALL=(ALL) ALL' > /etc/sudoers.d/asked",
    )
    append(trial, "inventories/{env}.py", "workers[1][1]['ssh_user'] = 'asked'\n")
    secret = trial.directory / f".secrets/{TRIAL}/sudo_password"
    secret.touch(mode=0o600)
    secret.write_text("wrong\n")
    wrong = trial.pyinfra(f"inventories/{TRIAL}.py", "-y", "--limit", "worker2")
    judge(wrong, 1, "sudo on worker2 refuses the password of asked")
    secret.write_text(password + "\n")
    before = trial.snapshot("worker2")
    file = "/etc/modules-load.d/whisklab.conf"
    wanted = trial.root("worker2", f"cat {file}")
    trial.root("worker2", f"echo edited > {file}")
    done = trial.pyinfra(f"inventories/{TRIAL}.py", "-y", "-vvv", "--limit", "worker2")
    judge(done, 0)
    assert password not in done.output
    assert trial.root("worker2", f"cat {file}") == wanted
    assert before.changed_files(trial.snapshot("worker2")) == {file}
    leaked = trial.root(
        "worker2", f"grep -rlsF '{password}' /etc /run /root /var/lib/whisklab || true"
    )
    assert leaked == ""


def test_port_6443_taken_by_something_else(site: Site) -> None:
    site.root("master", "systemctl stop k3s")
    squat = "socat TCP-LISTEN:6443,fork,reuseaddr OPEN:/dev/null"
    try:
        site.root("master", f"systemd-run --quiet --unit=squatter {squat}")
        until("the squatter listens",
              lambda: "socat" in site.root("master", "ss -Hltnp 'sport = :6443'"))  # fmt: skip
        before = site.snapshots()
        done = site.pyinfra(site.inventory, "-y")
        judge(done, 1, "port 6443, which k3s needs, is taken by socat", "stopped here, because of")
        assert site.snapshots() == before
    finally:
        site.root("master", "systemctl stop squatter")
        changes = site.converge()
    # The provisioner loses its leader election with the API, and may be waited for.
    assert changes - {PROVISIONER} == {("k3s: service | Service k3s", "master")}


def test_one_host_down(site: Site) -> None:
    # The connection goes down with the host: what ssh says of it does not matter.
    site.root("worker2", "systemd-run --quiet --on-active=0.2 systemctl poweroff")
    until("worker2 is down", lambda: state_of(site, "worker2") == "stopped")
    others = [name for name in site.hosts if name != "worker2"]
    before = {name: site.snapshot(name) for name in others}
    done = site.pyinfra(site.inventory, "-y")
    unchanged = {name: site.snapshot(name) for name in others} == before
    limited = site.pyinfra(site.inventory, "-y", "--limit", "storage")
    assert site.whisklab("up", site.name).code == 0
    judge(done, 1, "worker2", "does not answer", "nothing was changed, because of worker2")
    assert unchanged
    assert limited.code == 0, limited.output
    until("worker2 is Ready again", lambda: "worker2" in ready_nodes(site))
    site.converge()
    assert site.converge() == set()


def state_of(site: Site, host: str) -> str:
    import json  # noqa: PLC0415

    found = json.loads(site.whisklab("status", site.name, "--json").stdout)
    return str(next(each["state"] for each in found["hosts"] if each["name"] == host))


def ready_nodes(site: Site) -> set[str]:
    return {
        node["metadata"]["name"]
        for node in site.objects("nodes")
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready" and condition["status"] == "True"
    }


def login(trial: Site, user: str, shell: str, sudoers: str) -> None:
    """Have the plan reach worker2 as another user, made there for that."""
    trial.root(
        "worker2",
        f"id {user} 2>/dev/null || useradd -m {user}; usermod -s {shell} {user}; "
        f"install -d -o {user} -m 700 ~{user}/.ssh; "
        f"install -o {user} -m 600 ~lab/.ssh/authorized_keys ~{user}/.ssh/authorized_keys; "
        f"echo '{user} {sudoers}' > /etc/sudoers.d/{user}",
    )
    append(trial, "inventories/{env}.py", f"workers[1][1]['ssh_user'] = '{user}'\n")


ALL = "ALL=(ALL) NOPASSWD: ALL"


def test_a_key_with_a_passphrase_is_the_agents_to_use(site: Site, tmp_path: Path) -> None:
    known, key = site.lab["key"], tmp_path / "key"
    key.write_bytes(Path(known).read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", key], check=True)
    plan = (site.inventory, "--dry", "--data", f"ssh_key={key}")
    done = site.pyinfra(*plan)
    assert done.code != 0
    said = f"the private key {key} needs a passphrase, and no ssh-agent has it unlocked"
    assert done.output.count(said) == len(site.hosts)
    with ssh_agent(site, tmp_path):
        assert site.run("ssh-add", "-q", known).code == 0
        assert site.pyinfra(*plan).code == 0


@contextmanager
def ssh_agent(site: Site, tmp_path: Path) -> Iterator[None]:
    """Have an agent of one's own."""
    socket = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        agent.stdout.readline()  # it listens
        try:
            with site.variables(SSH_AUTH_SOCK=str(socket)):
                yield
        finally:
            agent.terminate()


def test_of_many_keys_in_the_agent_the_right_one_has_its_turn(site: Site, tmp_path: Path) -> None:
    others = [tmp_path / f"key{n}" for n in range(9)]
    for key in others:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    few = "/etc/ssh/sshd_config.d/01-few.conf"
    plan = (site.inventory, "--dry", "--limit", "worker1", "--data", "ssh_key=")
    break_it = f"echo 'MaxAuthTries 3' > {few}; systemctl reload ssh"
    with (
        fault(site, "worker1", break_it, f"rm {few}; systemctl reload ssh"),
        ssh_agent(site, tmp_path),
    ):
        assert site.run("ssh-add", "-q", *map(str, others)).code == 0
        done = site.pyinfra(*plan)
        assert done.code != 0
        assert "closed the connection while" in done.output
        assert "name the right one as ssh_key" in done.output
        assert site.run("ssh-add", "-q", str(site.lab["key"])).code == 0
        done = site.pyinfra(*plan)
        assert done.code == 0, done.output


def test_hosts_behind_a_command(site: Site, tmp_path: Path) -> None:
    """As ssh_config(5) has it: bash is the proxy."""
    port = next(each["ssh_port"] for each in site.lab["hosts"] if each["name"] == "master")
    config, through = tmp_path / "config", "exec 3<>/dev/tcp/$0/$1; cat <&3 & cat >&3"
    config.write_text(f"Match exec true\n  ProxyCommand bash -c '{through}' %h {port}\n"
                      "Match exec false\n  User nobody\n")  # fmt: skip
    plan = (site.inventory, "--dry", "--limit", "master", "--data", f"ssh_config_file={config}")
    assert site.pyinfra(*plan).code == 0
    config.write_text("Host *\n  ProxyCommand /nonexistent/proxy\n")
    done = site.pyinfra(*plan)
    assert done.code != 0
    assert "does not answer" in done.output


def test_what_a_login_prints_is_no_part_of_an_answer(trial: Site) -> None:
    login(trial, "loud", "/bin/bash", ALL)
    trial.root(
        "worker2",
        "echo 'echo Welcome to worker2; printf \"no end of line\"; echo on stderr >&2' "
        "> ~loud/.bashrc; echo 'echo SSHRC; date >> /dev/shm/logins' > ~loud/.ssh/rc",
    )
    file = "/etc/modules-load.d/whisklab.conf"
    before = trial.snapshot("worker2")
    plan = trial.pyinfra(f"inventories/{TRIAL}.py", "--dry", "-y", "--json", "--limit", "worker2")
    judge(plan, 0)
    changing = {
        each["name"] for each in json.loads(plan.stdout)["plan"] if each["hosts_with_change"]
    }
    assert changing == set()
    # What a login costs is paid once: some take seconds.
    assert trial.root("worker2", "wc -l < /dev/shm/logins") == "1\n"
    trial.root("worker2", f"cp {file} /run/right; echo edited > {file}")
    judge(trial.pyinfra(f"inventories/{TRIAL}.py", "-y", "--limit", "worker2"), 0)
    assert trial.root("worker2", f"cmp {file} /run/right && echo same") == "same\n"
    assert before.changed_files(trial.snapshot("worker2")) == {file}
    assert trial.root("worker2", "wc -l < /dev/shm/logins") == "3\n", "the shell, the run's lock"


@pytest.mark.parametrize(
    ("user", "shell", "sudoers", "sentence"),
    [
        ("gone", "/usr/sbin/nologin", ALL, "worker2 lets gone in, but the login shell runs no"),
        ("never", "/bin/false", ALL, "worker2 lets never in, but the login shell runs no command"),
        ("noshell", "/bin/none", ALL, "refused the login of noshell: check ssh_user"),
        ("some", "/bin/sh", "ALL=(ALL) NOPASSWD: /bin/true", "sudo on worker2 refuses some (sudo"),
    ],
)
def test_a_login_that_cannot_work_is_told_by_its_cause(
    trial: Site, user: str, shell: str, sudoers: str, sentence: str
) -> None:
    login(trial, user, shell, sudoers)
    done = trial.pyinfra(f"inventories/{TRIAL}.py", "-y")
    judge(done, 1, sentence, "nothing was changed, because of worker2")
