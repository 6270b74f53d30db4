"""An environment is opened without a deploy, and another one after it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[4]
CONFIG = """
from whisklab.engine.data.machine import Machine
from whisklab.engine.run import hooks
hooks.install([Machine])
"""
# In a process of its own: it patches pyinfra and the standard library.
OPEN = """
import json
from whisklab.engine.run.start import session
from whisklab.engine.data.machine import Machine
from whisklab.engine.run import hooks
from whisklab.engine.run.environment import current
from whisklab.errors import BadInput
assert not hooks.installed()
try:
    current()
except BadInput as error:
    print(json.dumps(str(error)[:14]))
for name in ("a", "b"):
    (host,) = session.open_inventory(name)
    assert hooks.installed()
    context = host.connector.context
    print(json.dumps([
        current().name, Machine.of(host).node_address, context.secrets is current().store,
        str(context.log._directory.relative_to(current().directory)),
    ]))
(given,) = session.open_machines("a", {"m": {"ssh_hostname": "127.0.0.1"}})
try:
    current()
except BadInput as error:
    print(json.dumps([str(error)[:14], given.connector.context.log]))
try:
    Machine.of(given)
except BadInput as error:
    print(json.dumps(str(error)[:34]))
"""


def test_each_has_data_secrets_and_a_log_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "config.py").write_text(CONFIG)
    (tmp_path / "inventories").mkdir()
    for name, address in (("a", "10.0.0.1"), ("b", "10.0.0.2")):
        data = {"node_address": address, "ssh_hostname": "127.0.0.1"}
        (tmp_path / f"inventories/{name}.py").write_text(f"masters = [('m', {data})]\n")
    done = subprocess.run(
        [sys.executable, "-c", OPEN], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(REPOSITORY), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        "no environment",
        ["a", "10.0.0.1", True, ".lab/logs/a"],
        ["b", "10.0.0.2", True, ".lab/logs/b"],
        ["no environment", None],
        "Machine of m were not validated: r",
    ]
