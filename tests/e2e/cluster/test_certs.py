"""Certificates that end: told by status and plan, made anew in turns, no pod restarted."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.cluster.restarts import pods
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.test_forward import nodes
from tests.e2e.cluster.test_registry import PULL, answer, changes, secret
from whisklab.engine.tls import authority
from whisklab.engine.tls.authority import Pair

pytestmark = pytest.mark.e2e

DATA = "/var/lib/rancher/k3s"
TLS, AGENT = f"{DATA}/server/tls", f"{DATA}/agent"
DAYS = 10
RENEW = "certs", "renew"


def write(site: Site, host: str, path: str, text: str) -> None:
    """Write into a file that is there; its owner and mode stay."""
    site.root(host, f"cat > {path} <<'END'\n{text.strip()}\nEND\n")


def shortened(site: Site, host: str, path: str) -> str:
    """Have a certificate of k3s end in a few days: as it is, signed by the cluster once more."""
    ca_pem = site.root("master", f"cat {TLS}/client-ca.crt")
    ca = x509.load_pem_x509_certificate(ca_pem.encode())
    key = serialization.load_pem_private_key(
        site.root("master", f"cat {TLS}/client-ca.key").encode(), None
    )
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    old = x509.load_pem_x509_certificate(site.root(host, f"cat {path}").encode())
    public = old.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(ca.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(datetime.now(UTC) + timedelta(days=DAYS))
    )
    for each in old.extensions:
        builder = builder.add_extension(each.value, critical=each.critical)
    made = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    write(site, host, path, made + ca_pem)
    return made + ca_pem


def client_certificate(kubeconfig: str) -> str:
    """What a kubeconfig has, as it stands there."""
    return str(yaml.safe_load(kubeconfig)["users"][0]["user"]["client-certificate-data"])


def shortened_kubeconfigs(site: Site, certificate: str) -> None:
    """Have the administrator's certificate in k3s's kubeconfig and in the laptop's."""
    new = base64.b64encode(certificate.encode()).decode()
    theirs, ours = "/etc/rancher/k3s/k3s.yaml", secret(site, "kubeconfig")
    text = site.root("master", f"cat {theirs}")
    write(site, "master", theirs, text.replace(client_certificate(text), new))
    ours.write_text(ours.read_text().replace(client_certificate(ours.read_text()), new))


def shortened_registrys(site: Site) -> None:
    """Have the registry run, since some time, with a certificate that ends in a few days."""
    ca = Pair(secret(site, "ca_certificate").read_text(), secret(site, "ca_key").read_text())
    began = timedelta(days=DAYS) - authority.LEAF_LASTS + authority.BEGINS_BEFORE
    names = ["storage", "10.77.0.14", "localhost", "127.0.0.1"]
    leaf = authority.issue(ca, names, datetime.now(UTC) + began)
    for text, name, path in (
        (leaf.certificate, "registry_certificate", "/etc/whisklab-registry/tls.crt"),
        (leaf.key, "registry_key", "/etc/whisklab-registry/tls.key"),
    ):
        secret(site, name).write_text(text.strip() + "\n")
        write(site, "storage", path, text)
        write(site, "storage", f"/var/lib/whisklab/registry/{name}", text)
    site.root("storage", "systemctl restart whisklab-registry whisklab-registry-push")


@pytest.fixture(scope="module")
def ending(site: Site) -> Site:
    """A platform in its last days: worker2 alone has nothing that ends."""
    shortened(site, "master", f"{TLS}/client-scheduler.crt")
    shortened_kubeconfigs(site, shortened(site, "master", f"{TLS}/client-admin.crt"))
    write(site, "master", f"{TLS}/client-supervisor.crt", "half a cert")
    shortened(site, "worker1", f"{AGENT}/client-kube-proxy.crt")
    shortened_registrys(site)
    return site


def listed(site: Site, code: int) -> list[dict[str, Any]]:
    done = site.whisklab("certs", site.name, "--json")
    assert done.code == code, done.output
    found = json.loads(done.stdout)
    assert found["ok"] == (code == 0)
    return list(found["certificates"])


def services(site: Site) -> dict[str, str]:
    """The processes of k3s, and when they were started."""
    ask = "systemctl show -p MainPID,ExecMainStartTimestampMonotonic --value"
    units = {"master": "k3s", "worker1": "k3s-agent", "worker2": "k3s-agent"}
    return {host: site.root(host, f"{ask} {unit}") for host, unit in units.items()}


def told(done: Run, place: str) -> str:
    """What status says of the certificates of a place."""
    rows = re.search(r"^certificates .*\n(?: .*\n)*", done.output, re.MULTILINE)
    assert rows, done.output
    (row,) = (line for line in rows[0].splitlines() if f" {place} " in line)
    return row.partition(place)[2].strip()


def test_status_and_plan_tell_what_ends_and_how_it_is_renewed(ending: Site) -> None:
    name = ending.name
    done = ending.whisklab("status", name)
    assert done.code == 1
    end = f"{datetime.now(UTC) + timedelta(days=DAYS):%Y-%m-%d}, in {DAYS - 1} days"
    remedy = f"run `whisklab certs renew {name}`"
    registry = f"/etc/whisklab-registry/tls.crt ends on {end}: {remedy}"
    agent = f"{AGENT}/client-kube-proxy.crt ends on {end}: {remedy}"
    broken = f"{TLS}/client-supervisor.crt cannot be read, and 3 more soon: {remedy}"
    assert told(done, "storage") == f"NOT OK  {registry}"
    assert told(done, "worker1") == f"NOT OK  {agent}"
    assert told(done, "master") == f"NOT OK  {broken}"
    assert told(done, "worker2").startswith("ok")
    assert told(done, "laptop").startswith("NOT OK")
    plan = ending.whisklab("plan", name)
    assert plan.code == 3, plan.output
    for sentence in (f"worker1: {agent}", f"master: {broken}", "registry_certificate is made anew"):
        assert sentence in plan.output
    assert "worker2: " not in plan.output  # a note is no change
    assert "worker1: k3s" not in plan.output
    soon = [each for each in listed(ending, 1) if each["days"] < 30]
    assert len(soon) == 1 + 1 + 4 + 2


def test_all_that_ends_is_renewed_in_turns_and_nothing_else(ending: Site) -> None:
    before, running = pods(ending), services(ending)
    done = ending.whisklab(*RENEW, ending.name)
    assert done.code == 0, done.output
    turns = [f"{host}: k3s: renew | Certificates of" for host in ("master", "worker1")]
    registry = "storage: registry: renew | Service whisklab-registry"
    assert [done.output.index(each) for each in (registry, *turns)] == sorted(
        done.output.index(each) for each in (registry, *turns)
    )
    after = services(ending)
    assert {host for host in after if after[host] != running[host]} == {"master", "worker1"}
    assert pods(ending) == before
    assert all(each["days"] > 300 for each in listed(ending, 0))
    assert (
        ending.root("master", f"cat {DATA}/server/tls-*/client-supervisor.crt") == "half a cert\n"
    )
    assert nodes(secret(ending, "kubeconfig")) == {"master", "worker1", "worker2"}
    assert answer(ending, "worker2", f"{PULL}/v2/") == "401"  # by the authority that it has
    again = ending.whisklab(*RENEW, ending.name)
    assert again.code == 0
    assert "nothing had to be renewed" in again.output
    assert services(ending) == after
    assert changes(ending, "plan", 0) == set()


def test_what_a_killed_run_has_stopped_the_next_one_starts(ending: Site) -> None:
    before = pods(ending)
    ending.root("worker2", "systemctl stop k3s-agent")
    done = ending.whisklab(*RENEW, ending.name)
    assert done.code == 0, done.output
    assert "worker2: k3s: renew | Service k3s-agent" in done.output
    assert "1 changed" in done.output
    assert pods(ending) == before


def test_all_of_them_are_renewed_on_request(site: Site) -> None:
    """Those too that k3s leaves at a start: they last for a year still."""

    def ends() -> set[tuple[str, str, str]]:
        found = [each for each in listed(site, 0) if not each["authority"]]
        return {(each["place"], each["path"], each["ends"]) for each in found}

    before, running, old = pods(site), services(site), ends()
    done = site.whisklab(*RENEW, site.name, "--all")
    assert done.code == 0, done.output
    new = ends()
    assert len(new) == len(old)
    assert new & old == set()
    after = services(site)
    assert all(after[host] != running[host] for host in after)
    assert pods(site) == before
    assert nodes(secret(site, "kubeconfig")) == {"master", "worker1", "worker2"}
    assert changes(site, "plan", 0) == set()
