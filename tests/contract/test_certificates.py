"""Certificates of a machine, asked of a real shell; and how k3s's are set aside there."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploys.k3s import render
from deploys.k3s.renew import _RESTART
from deploys.k3s.settings import K3sSettings
from tests.contract.test_asking import with_state
from whisklab.engine.facts import asking
from whisklab.engine.facts.question import Question
from whisklab.engine.tls import authority
from whisklab.engine.tls.certificates import Certificates

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
CA = authority.new("ca", NOW)
LEAF = authority.issue(CA, ["leaf"], NOW)
SECRET = "SECRETKEY"  # noqa: S105  what must not be printed


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A machine's files: a chain with a key behind it, one of no certificate, both other forms."""
    key = f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----\n"
    encoded = base64.b64encode((LEAF.certificate + CA.certificate).encode()).decode()
    data = {"tls.crt": encoded, "tls.key": SECRET}
    texts = {
        "tls/chain.crt": key + LEAF.certificate + CA.certificate + key,
        "tls/ca.crt": CA.certificate.rstrip("\n"),
        "tls/empty.crt": "",
        "tls/odd.crt": "no certificate\n",
        "tls/bad.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "tls/dynamic-cert.json": json.dumps({"kind": "Secret", "data": data}),
        "tls/compact.json": json.dumps({"data": data}, separators=(",", ":")) + "\n",
        "k3s.yaml": f"users:\n- name: default\n  user:\n    client-certificate-data: {encoded}\n"
                    f"    client-key-data: {SECRET}\n",
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "tls/directory.crt").mkdir()
    return tmp_path


def test_the_first_of_each_file_is_read_and_no_key(directory: Path) -> None:
    tls = directory / "tls"
    patterns = f"{tls}/*.crt {tls}/*.json {directory}/k3s.yaml {directory}/none/*.crt"
    found = with_state(lambda _, host: host.get_fact(Certificates, patterns=patterns))
    assert {Path(each.path).name: each.name for each in found} == {
        "bad.crt": "", "empty.crt": "", "odd.crt": "", "ca.crt": "ca", "chain.crt": "leaf",
        "compact.json": "leaf", "dynamic-cert.json": "leaf", "k3s.yaml": "leaf",
    }  # fmt: skip
    command = Certificates().command(patterns)
    raw = with_state(lambda _, host: host.run_shell_command(command)[1].stdout)
    assert SECRET not in raw


def test_it_is_asked_together_with_other_things(directory: Path) -> None:
    one = Question.of(Certificates, patterns=f"{directory}/tls/chain.crt")
    none = Question.of(Certificates, patterns=f"{directory}/none/*.crt")
    answers = with_state(lambda _, host: asking.ask(host, [none, one, none]))
    assert [each.name for each in answers[one]] == ["leaf"]
    assert answers[none] == []


def test_k3ss_own_places_are_in_one_answer(tmp_path: Path) -> None:
    for name in ("server/tls/a.crt", "server/tls/etcd/b.crt", "agent/c.crt", "server/tls/x.key"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(LEAF.certificate)
    node = render.Node("m", "10.0.0.1", None, is_server=True)
    settings = K3sSettings(server_config={"data-dir": str(tmp_path)})
    patterns = render.certificates(node, settings)
    found = with_state(lambda _, host: host.get_fact(Certificates, patterns=patterns))
    assert [Path(each.path).name for each in found] == ["a.crt", "b.crt", "c.crt"]


def restart(directory: Path, *arguments: str, works: bool = True, code: int = 0) -> str:
    """Run the script with a systemctl that only writes down; return what it was told."""
    programs = directory / "bin"
    programs.mkdir(exist_ok=True)
    told = directory / "told"
    fake = programs / "systemctl"
    fake.write_text(f"#!/bin/sh\necho \"$@\" >> '{told}'\n{'true' if works else 'false'}\n")
    fake.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", _RESTART, "whisklab", "k3s", "60", *arguments],
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}, check=False,
    )  # fmt: skip
    assert done.returncode == code
    return told.read_text()


def test_what_a_start_renews_by_itself_stays(directory: Path) -> None:
    tls = directory / "tls"
    before = sorted(tls.iterdir())
    assert restart(directory, str(tls), "") == "stop -- k3s\nstart -- k3s\n"
    assert sorted(tls.iterdir()) == before
    assert list(directory.glob("tls-*")) == []


def test_the_others_are_set_aside_with_a_copy(directory: Path) -> None:
    tls = directory / "tls"
    trigger = tls / "dynamic-cert-regenerate"
    restart(directory, str(tls), str(trigger), str(tls / "chain.crt"))
    assert trigger.read_text() == ""
    assert not (tls / "chain.crt").exists()
    assert (tls / "ca.crt").exists()
    (copy,) = directory.glob("tls-*")
    assert LEAF.certificate in (copy / "chain.crt").read_text()
    assert copy.stat().st_mode & 0o777 == 0o700


def test_a_service_that_does_not_stop_keeps_its_certificates(directory: Path) -> None:
    chain = directory / "tls/chain.crt"
    restart(directory, str(directory / "tls"), "", str(chain), works=False, code=1)
    assert chain.exists()


def test_without_a_copy_nothing_is_removed_and_k3s_runs(directory: Path) -> None:
    """As on a full disk."""
    chain, gone = directory / "tls/chain.crt", directory / "gone/tls"
    assert restart(directory, str(gone), "", str(chain), code=1).endswith("start -- k3s\n")
    assert chain.exists()
