"""Our names in /etc/hosts beside the installer's line of the machine's own, as getent sees them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploys.base.render import hosts_lines, hosts_template
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


# The beginning of what cloud-init writes, where it manages the file; of its templates.
MANAGED = """\
# Your system has configured 'manage_etc_hosts' as True.
# As a result, if you wish for changes to this file to persist
# then you will need to either
# a.) make changes to the master file in {}
# b.) change or remove the value of 'manage_etc_hosts' in
#     /etc/cloud/cloud.cfg or cloud-config from user-data
#
127.0.1.1 box box
"""
TEMPLATE = "/etc/cloud/templates/hosts.debian.tmpl"


@pytest.mark.parametrize(("text", "found"), [
    (MANAGED.format(TEMPLATE), TEMPLATE),
    (MANAGED.format("/etc/cloud/templates/hosts.tmpl"), "/etc/cloud/templates/hosts.tmpl"),
    (HOSTS.format("127.0.1.1 box"), None),
    ("", None),
    (MANAGED.format("/etc/cloud/templates/../../shadow"), None),
    (MANAGED.format("/etc/shadow"), None),
    (f"10.0.0.1 make changes to the master file in {TEMPLATE}\n", None),
])  # fmt: skip
def test_what_cloud_init_makes_the_file_of_is_said_in_it(text: str, found: str | None) -> None:
    assert hosts_template(text) == found
