"""What machines of a cluster are asked, against a real shell on this machine."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import FactProcessError

from deploys.k3s import token
from deploys.k3s.etcd import Etcd, EtcdState
from deploys.k3s.facts import (
    BrokenRecords,
    ControlGroups,
    ForeignFiles,
    MachineState,
    Mentions,
    PackedManifests,
    TokenDigest,
)
from deploys.k3s.packed import NAMES
from tests.contract.test_asking import with_state
from whisklab.engine.kubernetes.objects import objects

LONG = f"K10{'0a' * 32}::server:"


def asked(fact: type[Any], **arguments: Any) -> Any:
    """The fact of this machine."""
    return with_state(lambda _, host: host.get_fact(fact, **arguments))


@pytest.mark.parametrize(
    "secret", ["abc", "with:colon", "a::b", "K10 is how it begins", "ü $x 'q'"]
)
@pytest.mark.parametrize("form", ["", LONG])
def test_the_token_is_known_in_each_form(tmp_path: Path, form: str, secret: str) -> None:
    path = tmp_path / "token"
    path.write_text(f"{form}{secret}\n")
    digest = asked(TokenDigest, path=str(path))
    assert digest == token.digest(secret) == token.digest(form + secret + "\n")
    assert token.short(form + secret + "\n") == secret
    assert digest == hashlib.sha256(secret.encode()).hexdigest()


def test_a_machine_without_a_cluster_has_no_token(tmp_path: Path) -> None:
    assert asked(TokenDigest, path=str(tmp_path / "none")) is None


def test_which_control_groups_the_machine_has() -> None:
    """As its mounts say: version 2 alone, or those of version 1."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    kind = next(words[2] for words in mounts if words[1] == "/sys/fs/cgroup")
    assert asked(ControlGroups) == (2 if kind == "cgroup2" else 1)


def test_when_the_machine_was_started(tmp_path: Path) -> None:
    password = tmp_path / "password"
    first = asked(MachineState, path=str(password))
    assert not first.password
    assert first.up > 0
    assert abs(first.started + first.up - time.time()) < 60  # its clock is ours
    password.write_text("x\n")
    second = asked(MachineState, path=str(password))
    assert second.password
    assert abs(second.started - first.started) < 1
    with pytest.raises(FactProcessError, match="unexpected answer on the machine"):
        MachineState().process(["1 (init) S"])


def test_only_what_k3s_has_packed_is_read(tmp_path: Path) -> None:
    (tmp_path / "coredns.yaml").write_text("{kind: A, metadata: {name: a}}")
    (tmp_path / "mine.yaml").write_text("{kind: Mine, metadata: {name: mine}}\n")
    (tmp_path / "metrics-server").mkdir()
    for name in ("b", "c"):
        (tmp_path / f"metrics-server/{name}.yaml").write_text(
            f"kind: B\nmetadata: {{name: {name}}}\n---\nkind: C\nmetadata: {{name: {name}}}\n"
        )
    text = asked(PackedManifests, directory=str(tmp_path), names=NAMES)
    assert {str(each) for each in objects(text)} == {"A/a", "B/b", "B/c", "C/b", "C/c"}
    assert asked(PackedManifests, directory=str(tmp_path / "none"), names=NAMES) == ""


def test_files_that_nobody_of_us_has_written(tmp_path: Path) -> None:
    for name, text in (
        ("a.yaml", "# ours\nx: 1\n"),
        ("b.yaml", "x: 1\n"),
        ("c.txt", "x"),
        ("d.yaml", ""),
    ):
        (tmp_path / name).write_text(text)
    patterns = f"{tmp_path}/*.yaml {tmp_path}/none/*.conf"
    found = asked(ForeignFiles, patterns=patterns, header="# ours")
    assert found == [f"{tmp_path}/b.yaml", f"{tmp_path}/d.yaml"]


CRASH = """panic: invalid freelist page: 0, page type is unknown<00>
goroutine 34 [running]:
go.etcd.io/bbolt.(*freelist).read(0x226cc86?, 0x7f8ce071d000)
"""
OF_CONTAINERD = "github.com/containerd/containerd/services/server.New({0x2529ef8})\n"
OF_ETCD = "go.etcd.io/etcd/server/v3/mvcc/backend.New(0x0)\n"
PLUGIN = """time="t" level=info msg="loading plugin io.containerd.metadata.v1.bolt"
time="t" level=warning msg="failed to load plugin" id=io.containerd.metadata.v1.bolt error="invalid"
"""


@pytest.mark.parametrize(
    ("log", "why"),
    [
        (f"before\n{CRASH}{OF_CONTAINERD}after\n", CRASH.splitlines()[0]),
        (CRASH + OF_ETCD, None),
        (f"panic: another\nmain.main()\n{OF_CONTAINERD}", None),
        (f"{CRASH}{OF_ETCD}panic: another\n{OF_CONTAINERD}", None),
        (PLUGIN, '"invalid"'),
        (PLUGIN.splitlines()[0] + "\n", None),
        (f"{OF_CONTAINERD}all is well with bbolt\n", None),
    ],
)
def test_records_that_containerd_cannot_read(tmp_path: Path, log: str, why: str | None) -> None:
    asks = {"service": "no-such-whisklab", "directory": str(tmp_path)}
    (tmp_path / "containerd.log").write_text(log)
    assert asked(BrokenRecords, **asks) is None, "it has no records"
    (tmp_path / "io.containerd.metadata.v1.bolt").mkdir()
    assert asked(BrokenRecords, **asks) == why


def test_where_a_flag_is_mentioned(tmp_path: Path) -> None:
    for name, text in {
        "10-a.yaml": "# pod-infra-container-image\nkubelet-arg+:\n- pod-infra-container-image=x\n",
        "20-b.yaml": "kubelet-arg: [max-pods=9]\n",
        "unit.conf": "[Service]\nExecStart=\nExecStart=k3s agent --kubelet-arg=one=1 two\n",
        "other.txt": "pod-infra-container-image",
    }.items():
        (tmp_path / name).write_text(text)
    patterns = f"{tmp_path}/*.yaml {tmp_path}/*.conf {tmp_path}/none/*.tmpl"
    words = ["pod-infra-container-image", "one"]
    assert asked(Mentions, patterns=patterns, words=words) == {
        f"{tmp_path}/10-a.yaml, line 3": words[0], f"{tmp_path}/unit.conf, line 3": words[1],
    }  # fmt: skip
    assert asked(Mentions, patterns=f"{tmp_path}/none/*", words=words) == {}


ETCD = """#!/bin/sh
for last; do :; done
case $last in
*/version) printf '%s\\n' '{"etcdserver":"3.5.21","etcdcluster":"3.5.0"}';;
*/v3/cluster/member/list) printf '%s\\n' '{"header":{},"members":[' \
  '{"ID":"1","name":"master-1a","peerURLs":["https://10.0.0.1:2380"]},' \
  '{"ID":"2","peerURLs":["https://10.0.0.9:2380"],"isLearner":true}]}';;
esac
"""


def test_an_etcd_says_its_version_and_its_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = {"directory": str(tmp_path / "server")}
    curl = tmp_path / "curl"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    curl.write_text(ETCD)
    curl.chmod(0o755)
    assert asked(EtcdState, **asks) is None, "it has another datastore"
    (tmp_path / "server/db/etcd/member").mkdir(parents=True)
    assert asked(EtcdState, **asks) == Etcd((3, 5, 21), ("master-1a", "https://10.0.0.9:2380"))
    for broken in ("#!/bin/sh\necho 'connection refused' >&2; exit 7\n", "#!/bin/sh\necho '[1]'\n"):
        curl.write_text(broken)
        found = asked(EtcdState, **asks)
        assert found.version is None
        assert found.said in {"connection refused", "[1]"}
    curl.unlink()
    monkeypatch.setenv("PATH", "/nowhere:/bin:/usr/bin")
    found = asked(EtcdState, **asks)  # nobody listens there, and the certificates are missing
    assert found.version is None
    assert "curl" in found.said
