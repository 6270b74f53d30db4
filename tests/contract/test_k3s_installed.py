"""What a k3s is told that upstream's script has set up, read by a real shell on this machine."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import FactProcessError

from deploys.k3s import render
from deploys.k3s.facts import FixedSettings
from deploys.k3s.installed import ForeignK3s, InSqlite, Installed
from tests.contract.test_k3s_facts import asked

# As install.sh writes them: each argument quoted on a line of its own, and one empty line.
UNIT = r"""[Unit]
Description=Lightweight Kubernetes

[Service]
Type=notify
EnvironmentFile=-/etc/systemd/system/k3s.service.env
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/k3s \
    server \
	'--disable' \
	'traefik' \
	'--disable=servicelb' \
# a comment in between
	'--cluster-cidr=10.52.0.0/16' \
	'--secrets-encryption' \
	'-d' \
	'/srv/k3s data' \
	'--token' \
	'-SECRET1' \
	'--agent-token=SECRET2' \
	'--datastore-endpoint' \
	'mysql://u:SECRET3@tcp(db:3306)/k3s' \
	'--etcd-s3-secret-key=SECRET4' \
	'--some-password' \
	'SECRET5' \
	'--node-label' \
	'it="b c"' \
	'--etcd-snapshot-schedule-cron' \
	'0 */6 * * *' \

"""
ENV = """K3S_TOKEN='SECRET6'
K3S_NODE_NAME="box-1"
K3S_DATA_DIR='/never'
K3S_DATASTORE_ENDPOINT='SECRET7'
HTTPS_PROXY='http://u:SECRET8@proxy'
"""
CONFIG = """# mine
cluster-domain: "lab.test"   # ours
disable: [metrics-server]
token: SECRET9
etcd-s3-proxy:
  - SECRET10
tls-san:
- one
- two
kubelet-arg+:
  - "max-pods=200"
cluster-cidr: 10.99.0.0/16
"""


@pytest.fixture
def there(tmp_path: Path) -> tuple[Path, Path]:
    """A unit and a config.yaml, with the file of variables."""
    unit, config = tmp_path / "k3s.service", tmp_path / "config.yaml"
    unit.write_text(UNIT)
    Path(f"{unit}.env").write_text(ENV)
    config.write_text(CONFIG)
    return unit, config


def read(unit: Path, config: Path) -> Installed | None:
    """The fact."""
    found: Installed | None = asked(ForeignK3s, unit=str(unit), config=str(config))
    return found


def test_flags_variables_and_keys_are_read_as_k3s_reads_them(there: tuple[Path, Path]) -> None:
    unit, config = there
    found = read(unit, config)
    assert found is not None
    assert found.hostname == platform.node()
    values = {name: each.values for name, each in found.given.items()}
    assert values == {
        "disable": ("traefik", "servicelb"), "cluster-cidr": ("10.52.0.0/16",),
        "secrets-encryption": ("true",), "data-dir": ("/srv/k3s data",), "token": None,
        "agent-token": None, "datastore-endpoint": None, "etcd-s3-secret-key": None,
        "some-password": None, "node-label": ('it="b c',), "node-name": ("box-1",),
        "etcd-snapshot-schedule-cron": ("0 */6 * * *",), "HTTPS_PROXY": None,
        "cluster-domain": ("lab.test",), "etcd-s3-proxy": None, "tls-san": ("one", "two"),
        "kubelet-arg": ("max-pods=200",),
    }  # fmt: skip
    assert found.given["data-dir"].place == str(unit)
    assert found.given["tls-san"].place == str(config)
    assert found.given["node-name"].place == f"{unit}.env"


def test_no_secret_leaves_the_machine(
    there: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[str] = []

    def process(self: ForeignK3s, output: list[str]) -> Any:
        answers.extend(output)
        return Installed("", {})

    monkeypatch.setattr(ForeignK3s, "process", process)
    read(*there)
    assert len(answers) > 10
    assert not [line for line in answers if "SECRET" in line]


def test_what_a_run_has_written_is_not_read(there: tuple[Path, Path]) -> None:
    unit, config = there
    config.write_text(f"{render.HEADER}\n{CONFIG}")
    found = read(unit, config)
    assert found is not None
    assert "tls-san" not in found.given
    unit.write_text(f"{render.HEADER}\n{UNIT}")
    config.write_text(CONFIG)
    assert read(unit, config) is None
    unit.unlink()
    assert read(unit, config) is None
    unit.symlink_to("/dev/null")  # as systemd masks it
    assert read(unit, config) is None


@pytest.mark.parametrize(
    ("unit", "given"),
    [
        ("", {}),
        ("[Service]\nExecStart=/usr/local/bin/k3s server", {}),
        ("ExecStart=/bin/k3s agent --node-name a\nExecStart=\n", {}),
        ("ExecStart=k3s agent\nExecStart=\nExecStart=k3s agent --node-name=b",
         {"node-name": ("b",)}),
        ("ExecStart=k3s server --docker --node-name c \\",
         {"docker": ("true",), "node-name": ("c",)}),
        (render.unit(render.Node("m", "10.0.0.1", None, is_server=True)).partition("\n")[2], {}),
    ],
)  # fmt: skip
def test_other_forms_of_a_unit(
    tmp_path: Path, unit: str, given: dict[str, tuple[str, ...]]
) -> None:
    path = tmp_path / "k3s.service"
    path.write_text(unit)
    found = read(path, tmp_path / "none")
    assert found is not None
    assert {name: each.values for name, each in found.given.items()} == given


def test_an_answer_that_cannot_be_is_an_error() -> None:
    with pytest.raises(FactProcessError, match="unexpected answer on an installed k3s: /x"):
        ForeignK3s().process(["m1", "/x\ta\tb\tc"])


def test_of_what_a_node_has_started_with_no_secret_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("cluster-cidr: 10.9.0.0/16\n'datastore-endpoint': SECRET\nnode-name: a\n")
    asks = {"keys": ["cluster-cidr", "data-dir"], "secret": ["datastore-endpoint"]}
    found = asked(FixedSettings, path=str(path), **asks)
    assert found == {"cluster-cidr": "10.9.0.0/16", "datastore-endpoint": True}
    assert asked(FixedSettings, path=str(tmp_path / "none"), **asks) == {}


def test_a_cluster_in_sqlite(tmp_path: Path) -> None:
    def is_it() -> bool:
        return bool(asked(InSqlite, directory=str(tmp_path)))

    assert not is_it()
    (tmp_path / "db").mkdir()
    (tmp_path / "db/state.db").touch()
    assert is_it()
    (tmp_path / "db/etcd").mkdir()  # it was moved, and the file stays
    assert not is_it()
