"""No secret in any argv, environment, log, plan, diff or file that others can read.

Everything happens once, in the fixture `told`: fresh hosts, a sudo that asks for a password, runs
of all kinds that print as much as they can, while every exec is noted. The tests then look at what
was seen.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tests.e2e.bare import bare
from tests.e2e.cluster.asking import asking
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.telling import (
    CLIENT_KEY,
    CONTROL,
    LAPTOP,
    RANDOM,
    SECRETS,
    Told,
    burst,
    look,
    prepare,
    runs,
    watched,
)
from tests.e2e.cluster.trial import TRIAL, trial_environment
from tests.e2e.together import together
from whisklab.engine.tls import authority

pytestmark = pytest.mark.e2e

# Two agents would tell nothing that one does not.
TOPOLOGY = """
hosts:
  master:  {groups: [masters], forward: [6443]}
  worker1: {groups: [workers]}
  storage: {groups: [storage, registry]}
"""
DATA = "openwhisk_enabled = False\n"
SHOWN = re.compile(rf"cmdline \d+ /bin/true {CONTROL}-(\d+) ")
VARIABLE = re.compile(rf"environ \d+ (.* )?CONTROL={CONTROL} .*")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, lab_name: str, test_file: str) -> Iterator[Site]:
    """A lab with nothing on it."""
    with bare(
        tmp_path_factory.mktemp("site"), lab_name, test_file, data=DATA, topology=TOPOLOGY
    ) as lab:
        yield lab


@pytest.fixture(scope="module")
def told(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Watch runs of all kinds on fresh hosts."""
    told, begun = Told(), int(time.time())
    given = site.directory / ".secrets" / site.name  # a plan makes none
    given.mkdir(mode=0o700, parents=True)
    made = authority.new("whisklab secrets", datetime.now(UTC))
    texts = {name: secrets.token_hex(24) for name in RANDOM}
    for name, text in {**texts, "ca_certificate": made.certificate, "ca_key": made.key}.items():
        (given / name).touch(mode=0o600)
        (given / name).write_text(text.strip() + "\n")
    with trial_environment(site), ExitStack() as stack:
        prepare(site, told)
        password = told.secrets["sudo password"]
        stack.enter_context(together([asking(site, host, password) for host in site.hosts]))
        with watched(site, told, tmp_path_factory.mktemp("seen")):
            runs(site, told)
        look(site, told, begun)
    return told


def test_the_hosts_have_the_secrets_and_the_watchers_see(site: Site, told: Told) -> None:
    for host in site.hosts:
        assert "/etc/control" in told.readable[host]
        assert CONTROL in told.logs[host]
    second = {"k3s_token", "registry_pull", "registry password 2", "proxy password 2"}
    for host, kept in told.kept.items():
        assert kept == second | ({"client key"} if host == "master" else set())


def test_no_exec_is_missed(site: Site, told: Told) -> None:
    assert set(told.processes) == {LAPTOP, *site.hosts}
    for machine, lines in told.processes.items():
        execs = [(SHOWN.fullmatch(argv), after) for argv, after in pairwise(lines)]
        numbers = sorted(int(argv[1]) for argv, environment in execs if argv and (
            VARIABLE.fullmatch(environment)))  # fmt: skip
        assert numbers == list(range(burst(machine))), machine
        assert lines[-1] == "lost 0", machine


def test_no_secret_is_in_any_argv(told: Told) -> None:
    for machine, lines in told.processes.items():
        found = [line for line in lines if line.startswith("cmdline ") and told.told(line)]
        assert found == [], machine
    for host, text in told.commands.items():
        assert "sudo" in text, host
        assert told.told(text) == set(), host


def test_no_secret_is_in_any_environment(told: Told) -> None:
    """But for a proxy's password in those of root's processes, where k3s wants it."""
    for machine, lines in told.processes.items():
        for line in lines:
            if line.startswith("environ 0 "):
                assert told.told(line) <= {"proxy password 1", "proxy password 2"}, machine
            elif line.startswith("environ "):
                assert told.told(line) == set(), machine


def test_no_secret_is_printed(told: Told) -> None:
    for argv, text in told.printed.items():
        assert "Cluster token" in text or "registries.yaml" in text or "nothing" in text, argv
        assert told.told(text) == set(), argv
        assert CLIENT_KEY not in text, argv


def test_no_secret_is_in_the_logs_of_a_host(told: Told) -> None:
    for host, text in told.logs.items():
        assert "COMMAND=" in text, host  # sudo writes down what it runs, with all arguments
        assert told.told(text) == set(), host


def test_no_secret_is_in_a_file_that_others_can_read(told: Told) -> None:
    """Not for a moment either."""
    for host, paths in told.readable.items():
        assert [path for path in paths if path.startswith("/")] == ["/etc/control"], host


def test_the_laptop_keeps_secrets_to_itself(site: Site, told: Told) -> None:
    assert told.holders.pop(site.directory / f"group_data/{TRIAL}.py")  # written by the test
    trial = site.directory / SECRETS
    kept = {trial / name for name in (*RANDOM, "ca_key", "sudo_password", "kubeconfig")}
    assert kept <= set(told.holders)
    for path, mode in told.holders.items():
        assert path.parent.parent == site.directory / ".secrets"
        assert mode == 0o600, path
    assert (site.directory / ".secrets" / site.name).stat().st_mode & 0o777 == 0o700
    logs = [*(site.directory / ".lab/logs" / TRIAL).iterdir()]  # which hold no secret, see above
    assert logs
    assert {path.stat().st_mode & 0o777 for path in logs} == {0o600}
