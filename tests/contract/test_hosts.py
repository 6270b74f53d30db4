"""Our names in /etc/hosts beside the installer's line of the machine's own, as getent sees them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploys.base.render import hosts_lines
from tests.contract.test_file_operations import OWNER, run
from whisklab.engine.resources import blocks

LINES = hosts_lines({"box": "10.0.0.1", "other": "10.0.0.2"})
# As Debian's installer, Vagrant and cloud-init leave them.
NOTATIONS = {
    "fqdn first": "127.0.1.1 box.lan box",
    "name first": "127.0.1.1  box box.lan",
    "tabs and a comment": "127.0.1.1\tbox.lan\tbox\t# Added by the installer  ",
}
HOSTS = """127.0.0.1\tlocalhost
{}

# The following lines are desirable for IPv6 capable hosts
::1     localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
"""
# A name space in which the three files are ours; root of it may be anybody outside.
NO_MOUNT = 77  # no exit code of getent
_ANSWER = """
mount --bind "$1/hosts" /etc/hosts && mount --bind "$1/nsswitch" /etc/nsswitch.conf &&
mount --bind "$1/host.conf" /etc/host.conf || exit 77
shift; exec getent "$@"
"""


def getent(directory: Path, *words: str) -> list[str]:
    """What glibc answers with the /etc/hosts of a directory, and Debian's way of asking it."""
    (directory / "nsswitch").write_text("hosts: files\n")
    (directory / "host.conf").write_text("multi on\n")
    told = subprocess.run(
        ["unshare", "-rm", "sh", "-c", _ANSWER, "sh", str(directory), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode != NO_MOUNT, told.stderr
    assert "unshare" not in told.stderr, told.stderr
    return told.stdout.splitlines()


def addresses(directory: Path, name: str) -> list[str]:
    """The addresses of a name, in the order in which programs try them."""
    return [line.split()[0] for line in getent(directory, "ahostsv4", name) if "STREAM" in line]


@pytest.mark.parametrize("line", NOTATIONS.values(), ids=list(NOTATIONS))
def test_the_block_comes_and_goes_and_the_own_name_has_both_addresses(
    tmp_path: Path, line: str
) -> None:
    path = tmp_path / "hosts"
    before = HOSTS.format(line).encode()
    path.write_bytes(before)
    wish = {"path": str(path), "marker": "whisklab", "owner": OWNER}
    assert run(blocks.block, **wish, lines=LINES)
    assert not run(blocks.block, **wish, lines=LINES)
    block = "# BEGIN whisklab\n10.0.0.1 box\n10.0.0.2 other\n# END whisklab\n"
    assert path.read_bytes() == before + block.encode()
    named = (addresses(tmp_path, "box"), addresses(tmp_path, "other"))
    whole = getent(tmp_path, "hosts", "box")[0].split()[1]
    assert run(blocks.block, **wish, lines=[])
    assert path.read_bytes() == before
    assert named == (["127.0.1.1", "10.0.0.1"], ["10.0.0.2"])
    # What `hostname -f` says is the installer's still, which a block before it would change.
    assert whole == getent(tmp_path, "hosts", "box")[0].split()[1] == line.split()[1]
