"""What the image of a host with its own kernel has over the image of the others."""

from __future__ import annotations

SEED = "/dev/ubdb"  # the second disk: a tar archive with the host's identity
NIC = "vec0"

INIT = "/usr/local/sbin/whisklab-lab-init"
ADDRESS, GATEWAY = "whisklab.address", "whisklab.gateway"  # on the kernel's command line

_INIT = f"""#!/bin/sh
# The first process; becomes systemd. On the first boot all of the identity is unpacked, later only
# what may differ from one boot to the next (as seed.refresh does for the other hosts).
set -eu
done=/var/lib/whisklab-lab/seeded
if [ -e $done ]; then
  tar -xf {SEED} -C / etc/hostname etc/resolv.conf etc/ssh/ssh_host_ed25519_key
else
  tar -xf {SEED} -C /
  mkdir -p ${{done%/*}}
  : > $done
fi
mount -t proc proc /proc
for word in $(cat /proc/cmdline); do
  case $word in
    {ADDRESS}=*) address=${{word#*=}};;
    {GATEWAY}=*) gateway=${{word#*=}};;
  esac
done
umount /proc
ip link set lo up
ip addr add "$address" dev {NIC}
ip link set {NIC} up
ip route add default via "$gateway"
exec /sbin/init
"""

# The machine's own journal is what makes a killed host safe; dpkg's syncs, each a round through
# three kernels, are not needed for that.
_DPKG = "force-unsafe-io\n"

FILES: dict[str, tuple[str, int]] = {
    INIT.removeprefix("/"): (_INIT, 0o755),
    "etc/fstab": ("/dev/ubda / ext4 defaults,noatime 0 0\n", 0o644),
    "etc/dpkg/dpkg.cfg.d/whisklab": (_DPKG, 0o644),
}
LINKS: dict[str, str] = {
    # Its console's only key: how the keeper asks for a clean end.
    "etc/systemd/system/ctrl-alt-del.target": "/lib/systemd/system/poweroff.target",
}
# systemd runs these at each reload, of which an installation makes many. They find nothing here.
_GENERATORS = (
    "cryptsetup", "debug", "getty", "gpt-auto", "hibernate-resume", "integritysetup", "rc-local",
    "run", "system-update", "sysv", "veritysetup",
)  # fmt: skip
LINKS |= {
    f"etc/systemd/system-generators/systemd-{name}-generator": "/dev/null" for name in _GENERATORS
}
# What a storage host has no use for, at a tenth of a second or more each: the others wait for it.
_NOT_STARTED = (
    "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount", "proc-sys-fs-binfmt_misc.mount",
    "sys-kernel-config.mount", "sys-fs-fuse-connections.mount", "dev-hugepages.mount",
    "dev-mqueue.mount", "systemd-repart.service", "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service", "systemd-sysusers.service", "kmod-static-nodes.service",
    "systemd-random-seed.service", "systemd-logind.service", "nfs-blkmap.service",
    *(f"modprobe@{name}.service" for name in (
        "configfs", "dm_mod", "drm", "efi_pstore", "fuse", "loop",
    )),
)  # fmt: skip
LINKS |= {f"etc/systemd/system/{unit}": "/dev/null" for unit in _NOT_STARTED}
# Where the kernel knows iptables' own tables, it knows of nftables next to nothing.
LEGACY = "ip_tables.ko"
ALTERNATIVES = {name: f"/usr/sbin/{name}-legacy" for name in ("iptables", "ip6tables")}
# For hosts that share the machine's kernel.
REMOVED = (
    "etc/systemd/system/sysinit.target.wants/whisklab-lab-setup.service",
    "etc/systemd/system/modprobe@.service",
)
# Deploys install these; what they need besides is in the image: most machines have it anyway, and
# with a kernel of its own a host needs seconds for each.
DEPLOYED = ("nfs-kernel-server", "conntrack", "jq")
