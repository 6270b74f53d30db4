"""wsk without -i: who knows the authority reaches OpenWhisk, and nobody else."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from tests.e2e.cluster.background import background
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.test_registry import NODES, pulled, pushed, secret
from tests.e2e.cluster.trial import saying
from tests.e2e.openwhisk.asking import ECHO, READY, RELEASE, SPACE, components, create, url, wsk
from tests.e2e.openwhisk.chain import Chain
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.artifacts.fetching import member
from whisklab.lab.standins.cache import architecture, built
from whisklab.lab.standins.wsk import wsk as wsk_standin

pytestmark = pytest.mark.e2e

TRUSTED = "/usr/local/share/ca-certificates"
UPDATE = "update-ca-certificates > /dev/null 2>&1"
NAME = "api.lab.example"
# Where an authority is trusted: by programs, and by containerd for the registry.
PLACES = (
    f"{TRUSTED}/whisklab.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/rancher/k3s/registry-ca.crt",
)
SHOW = "echo | openssl s_client -connect {} -showcerts 2>/dev/null | grep -c BEGIN.CERTIFICATE"
# A call each second, which a namespace may make; the status of each.
CALLS = """
end=$(($(date +%s) + $1))
while test ! -e /tmp/enough && test "$(date +%s)" -lt $end; do
  curl -s -o /dev/null -w '%{http_code}\\n' --max-time 10 "$2"; sleep 1.1
done
"""


def rollouts(site: Site) -> int:
    """How often nginx's Deployment has made other pods."""
    (nginx,) = [each for each in site.objects("deployments", "-n", SPACE)
                if each["metadata"]["name"] == "owdev-nginx"]  # fmt: skip
    return int(nginx["metadata"]["annotations"]["deployment.kubernetes.io/revision"])


@contextmanager
def forwarded(site: Site) -> Iterator[tuple[str, str]]:
    """The URL of OpenWhisk on the laptop, and the authority to trust, as `forward` says them."""
    with background(site, ".venv/bin/whisklab", "forward", site.name, "--json") as run:
        told = json.loads((run.stdout or io.StringIO()).readline())
        port = next(each["port"] for each in told["forwards"] if each["name"] == "openwhisk")
        yield f"https://127.0.0.1:{port}", told["authority"]


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[int, str]]:
    """Run wsk on this machine, which trusts `authority` or what this machine trusts."""
    catalogue = Catalogue(built(wsk_standin(), print))
    program = member(catalogue.artifact("wsk", None, "wsk", architecture()))
    program.chmod(0o755)
    room = tmp_path_factory.mktemp("wsk")

    def run(host: str, auth: str, authority: str | None) -> tuple[int, str]:
        environment = {**os.environ, "WSK_CONFIG_FILE": str(room / "props")}
        if authority:
            environment["SSL_CERT_FILE"] = authority
        argv = [str(program), "package", "list", "/whisk.system", "--apihost", host, "--auth", auth]
        done = subprocess.run(
            argv, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


def key(site: Site) -> str:
    """The guests' key, as the deploy wrote it for wsk."""
    properties = site.root("master", "cat /root/.wskprops").splitlines()
    return next(line.removeprefix("AUTH=") for line in properties if line.startswith("AUTH="))


def test_the_laptop_reaches_it_by_the_authority_and_not_without(
    site: Site, laptop: Callable[..., tuple[int, str]]
) -> None:
    with forwarded(site) as (host, authority):
        code, said = laptop(host, key(site), authority)
        assert code == 0, said
        assert "/whisk.system/utils" in said
        code, said = laptop(host, key(site), None)
        assert code != 0
        assert "x509: certificate signed by unknown authority" in said


def test_by_each_name_and_address_of_a_master(site: Site) -> None:
    port = url(site, "").rpartition(":")[2]
    for name in ("master", "10.77.0.11"):
        found = site.ssh("master", "curl", "-sS", f"https://{name}:{port}/api/v1")
        assert "stand-in" in json.loads(found)["description"]
    refused = site.ssh("master", "curl", "-sS", f"https://10.77.0.12:{port}/", check=False)
    assert refused == ""  # a worker listens there too; the certificate is not for it


def test_without_the_authority_wsk_is_refused_and_the_next_run_mends_it(site: Site) -> None:
    site.root("master", f"rm {TRUSTED}/whisklab.crt && {UPDATE}")
    assert "x509" in wsk_refused(site)
    verify = site.whisklab("verify", site.name)
    assert verify.code == 1
    assert "what openwhisk_certificate leads to is to be there" in verify.output
    assert site.converge() == {
        ("authority | Certificate", "master"), ("authority | Trusted by programs", "master"),
    }  # fmt: skip
    assert "utils" in wsk(site, "package", "list", "/whisk.system")


def wsk_refused(site: Site) -> str:
    return site.root("master", "! wsk package list /whisk.system 2>&1")


def test_another_authority_and_certificate_come_under_calls(site: Site) -> None:
    """All that asks, asks by what its machine trusts; a name more is in the new certificate."""
    create(site, "often", ECHO, ".py", "--web", "true")
    before, there = components(site), url(site, "/api/v1/web/guest/default/often")
    rolled = rollouts(site)
    image, old = pushed(site, "lab/authority"), secret(site, "ca_certificate").read_text().strip()
    with calling(site, there) as said, saying(site, f"openwhisk_certificate_names = [{NAME!r}]\n"):
        done = site.whisklab("certs", "renew", site.name, "--authority")
        assert done.code == 0, done.output
    rolled = rollouts(site) - rolled
    steps = ("a second authority is trusted", "the new authority signs", "the old authority is no")
    assert [each in done.output for each in steps] == [True] * 3
    wsk(site, "action", "delete", "often")
    assert site.converge() == set()  # the certificate is good for fewer names, too
    after = components(site)
    changed = {name for name in before if before[name] != after.get(name)}
    assert {name.rpartition("-")[0].rpartition("-")[0] for name in changed} == {"owdev-nginx"}
    assert len(said) > 5
    assert (said[0], said[-1]) == ("200", "200")
    # Each nginx ends before the next one begins; how long that takes is the machine's business.
    answered = [good for good, _ in groupby(said, lambda status: status == "200")]
    assert answered.count(False) <= rolled <= len(steps), said
    resolved = f"{NAME}:{there.split(':')[2].split('/')[0]}:10.77.0.11"
    found = site.ssh("master", "curl", "-sS", "--resolve", resolved,
                     f"https://{resolved.rpartition(':')[0]}/api/v1")  # fmt: skip
    assert "stand-in" in json.loads(found)["description"]
    new = secret(site, "ca_certificate").read_text().strip()
    for node in NODES:
        text = site.root(node, f"cat {' '.join(PLACES)}")
        assert (text.count(new), text.count(old)) == (len(PLACES), 0)
        assert pulled(site, node, image)
    assert not secret(site, "ca_next_key").exists()


@contextmanager
def calling(site: Site, there: str) -> Iterator[list[str]]:
    """Call a URL on the master all the time; what it answered is in the list afterwards."""
    site.root("master", "rm -f /tmp/enough")
    calls = (*site.ssh_command("master"), "sh", "-s", "--", "600", there)
    answers: list[str] = []
    with subprocess.Popen(calls, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdin
        run.stdin.write(CALLS)
        run.stdin.close()
        try:
            yield answers
        finally:
            site.root("master", "touch /tmp/enough")
            answers += (run.stdout or io.StringIO()).read().split()


def test_a_chain_of_ones_own_is_sent_whole(site: Site, tmp_path: Path) -> None:
    chain = Chain.made(tmp_path, ["10.77.0.11", "127.0.0.1"])
    given = (
        f"openwhisk_certificate = {str(chain.certificate)!r}\n"
        f"openwhisk_certificate_key = {str(chain.key)!r}\n"
    )
    address = url(site, "").removeprefix("https://")
    try:
        with saying(site, given.replace(str(chain.key), str(chain.another_key))):
            plan = site.whisklab("plan", site.name)
            assert plan.code == 2, plan.output
            assert "do not belong together" in plan.output
        with saying(site, given):
            assert site.converge() <= {RELEASE, READY}
            assert site.root("master", SHOW.format(address)).strip() == "2"
            assert "x509" in wsk_refused(site)
            site.root("master", f"cat > {TRUSTED}/theirs.crt << EOF\n{chain.root}EOF\n{UPDATE}")
            assert "utils" in wsk(site, "package", "list", "/whisk.system")
            verify = site.whisklab("verify", site.name)
            assert verify.code == 0, verify.output
    finally:
        site.root("master", f"rm -f {TRUSTED}/theirs.crt && {UPDATE}")
        assert site.converge() <= {RELEASE, READY}
    assert site.root("master", SHOW.format(address)).strip() == "1"
    assert "utils" in wsk(site, "package", "list", "/whisk.system")
