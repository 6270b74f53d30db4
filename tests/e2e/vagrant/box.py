"""A box for libvirt: Debian with what Vagrant expects of one; its kernel starts from beside it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.e2e.upstream.network import SUDO
from whisklab.lab.providers.nspawn import requirements

NAME = "whisklab/test"
_PROGRAMS = {"mmdebstrap": "mmdebstrap", "mkfs.ext4": "e2fsprogs", "qemu-img": "qemu-utils"}
_PACKAGES = ("linux-image-cloud-amd64,systemd-sysv,udev,dbus,openssh-server,sudo,ifupdown,"
             "isc-dhcp-client,iproute2")  # fmt: skip
# The key that all boxes let in, and Vagrant replaces at the first start.
_KEYS = "/usr/share/rubygems-integration/all/gems/vagrant-*/keys/vagrant.pub"
_SCRIPT = """\
set -eu
mkdir root
tar -xf root.tar -C root --exclude='./dev/*'
chroot root useradd -m -s /bin/bash vagrant
echo 'vagrant ALL=(ALL) NOPASSWD:ALL' > root/etc/sudoers.d/vagrant
install -d -m 700 -o 1000 -g 1000 root/home/vagrant/.ssh
install -m 600 -o 1000 -g 1000 $1 root/home/vagrant/.ssh/authorized_keys
printf 'source /etc/network/interfaces.d/*\\nauto lo\\niface lo inet loopback\\nauto eth0\\niface eth0 inet dhcp\\n' \
  > root/etc/network/interfaces
echo box > root/etc/hostname
printf '127.0.0.1 localhost\\n127.0.1.1 box\\n' > root/etc/hosts
echo '/dev/vda / ext4 defaults 0 1' > root/etc/fstab
ssh-keygen -q -A -f "$PWD/root"
cp root/boot/vmlinuz-* vmlinuz
cp root/boot/initrd.img-* initrd
truncate -s 2G disk
mkfs.ext4 -q -F -d root disk
qemu-img convert -O qcow2 disk box.img
echo '{"provider": "libvirt", "format": "qcow2", "virtual_size": 2}' > metadata.json
tar -cf test.box metadata.json box.img
rm -rf root disk root.tar box.img
"""  # noqa: E501  a shell's words
# No machine here has virtualization to give away, so the processor is QEMU's own. Vagrant reads it
# before the Vagrantfile of a directory.
_HOME = """\
Vagrant.configure("2") do |config|
  config.vm.provider "libvirt" do |domain|
    domain.driver = "qemu"
    domain.cpu_mode = "custom"
    domain.cpu_model = "qemu64"
    domain.kernel = "{directory}/vmlinuz"
    domain.initrd = "{directory}/initrd"
    domain.cmd_line = "root=/dev/vda rw console=ttyS0 net.ifnames=0"
  end
end
"""


def made(directory: Path) -> Path:
    """Make the box; returns its file. It takes two minutes."""
    requirements.ensure(_PROGRAMS, print)
    key = next(Path("/").glob(_KEYS.lstrip("/")))
    for argv in (
        ["mmdebstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", "root.tar"],
        ["sh", "-c", _SCRIPT, "box", str(key)],
    ):
        subprocess.run([*SUDO, *argv], cwd=directory, check=True)
    return directory / "test.box"


def home(directory: Path, beside: Path) -> dict[str, str]:
    """Have a directory of Vagrant's own for a user; returns the environment that says so.

    Args:
        directory: it.
        beside: where the box's kernel is.
    """
    (directory / "Vagrantfile").write_text(_HOME.format(directory=beside))
    return {**os.environ, "VAGRANT_HOME": str(directory)}
