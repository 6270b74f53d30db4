"""What a lab's image has over a plain minimal system of the distribution."""

from __future__ import annotations

# Installed in the image. What deploys install themselves (conntrack, nfs-common, ...) stays out;
# what it needs besides and most machines have anyway (python3) makes a lab come up sooner.
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2", "iputils-ping",
    "procps", "iptables", "nftables", "kmod", "mount", "ca-certificates", "curl", "ethtool",
    "socat", "containerd", "runc", "containernetworking-plugins", "python3",
)  # fmt: skip
# Kept with their dependencies in the image's own package repository.
REPOSITORY_PACKAGES = (
    "nfs-common", "nfs-kernel-server", "conntrack", "jq", "zstd", "tree", "chrony", "open-iscsi",
    "docker-registry", "apache2-utils",
)  # fmt: skip
REPOSITORY = "opt/whisklab/apt"

# Where the kernel has no NFS client: nfs-common's program is put aside when it is installed, and
# the lab's stand-in (standins/mount-nfs) takes its place. Debian has had it at both paths.
MOUNT_NFS = "usr/local/lib/whisklab/mount.nfs"
WITHOUT_NFS_CLIENT: dict[str, str] = {
    "usr/sbin/mount.nfs": f"/{MOUNT_NFS}",
    # Its file system is a part of the client; without it the unit would fail.
    "etc/systemd/system/run-rpc_pipefs.mount": "/dev/null",
}
DIVERTED = ("/sbin/mount.nfs", "/usr/sbin/mount.nfs")

MASKED = (
    "containerd.service",  # k3s starts its own
    "console-getty.service",
    "getty@tty1.service",
    # No timer may change a host while someone deploys to it.
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "systemd-pstore.service",
    # The kernel is the machine's.
    "modprobe@.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
)

# Settings of the whole machine that kubelet and deploys change. A host gets copies to write to.
MACHINE_SYSCTLS = (
    "vm/overcommit_memory", "vm/panic_on_oom", "vm/max_map_count", "vm/swappiness",
    "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
    "kernel/pid_max", "kernel/threads-max",
    "fs/file-max", "fs/nr_open", "fs/inotify/max_user_instances", "fs/inotify/max_user_watches",
    "fs/protected_fifos", "fs/protected_hardlinks", "fs/protected_regular", "fs/protected_symlinks",
    "net/netfilter/nf_conntrack_max",
)  # fmt: skip

_SETUP = f"""#!/bin/sh
# Runs once at boot, before sshd: what kubelet expects of a machine and a container lacks.
set -eu
mount --make-rshared /
for group in /sys/fs/cgroup /sys/fs/cgroup/*; do
  ! mountpoint -q "$group" || mount -o remount,bind,rw "$group"
done
# The network's settings belong to the host's own namespace: writable, as on a machine.
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,rw /proc/sys/net
# Writing these would change the machine that the lab runs on, so each is a copy of the host's own.
cd /proc/sys
keys=$(ls -d {" ".join(MACHINE_SYSCTLS)} 2> /dev/null) || :
mkdir -p /run/whisklab-lab/sysctl
cp --parents $keys /run/whisklab-lab/sysctl
for key in $keys; do
  mount --bind "/run/whisklab-lab/sysctl/$key" "/proc/sys/$key"
done
"""

_SETUP_UNIT = """[Unit]
Description=What a machine has and a container lacks (whisklab lab)
DefaultDependencies=no
After=local-fs.target
Before=sysinit.target systemd-sysctl.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/whisklab-lab-setup

[Install]
WantedBy=sysinit.target
"""

_END_PODS = """#!/bin/sh
# Runs at shutdown: containers outlive their k3s, and nobody else ends them while their volumes are
# still mounted and their storage is there.
pods() { find /sys/fs/cgroup/pids/kubepods /sys/fs/cgroup/kubepods -name cgroup.procs \\
  -exec cat {} + 2> /dev/null; }
kill -TERM $(pods) 2> /dev/null
for _ in $(seq 30); do
  [ -n "$(pods)" ] || exit 0
  sleep 0.1
done
kill -KILL $(pods) 2> /dev/null
"""

_END_PODS_UNIT = """[Unit]
Description=Ends what containers run, after k3s (whisklab lab)
Before=k3s.service k3s-agent.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStop=-/usr/local/sbin/whisklab-lab-end-pods

[Install]
WantedBy=multi-user.target
"""

# Volumes, and the scopes in which kubelet has mounted them.
_OUTLIVES_PODS = """[Unit]
Before=whisklab-lab-end-pods.service
"""

_SSHD = """# Keys only, and nobody as root.
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
UseDNS no
# A parallel deploy opens many connections at once.
MaxStartups 100:30:200
MaxSessions 100
"""

_SSH_UNIT = """# Before user sessions are allowed, logins would be refused ("System is booting up").
[Unit]
After=systemd-user-sessions.service
"""

_SYSTEM = """# A host is powered off within seconds, whatever its pods do.
[Manager]
DefaultTimeoutStopSec=20s
"""

# path -> (content, mode)
FILES: dict[str, tuple[str, int]] = {
    "usr/local/sbin/whisklab-lab-setup": (_SETUP, 0o755),
    "etc/systemd/system/whisklab-lab-setup.service": (_SETUP_UNIT, 0o644),
    "usr/local/sbin/whisklab-lab-end-pods": (_END_PODS, 0o755),
    "etc/systemd/system/whisklab-lab-end-pods.service": (_END_PODS_UNIT, 0o644),
    "etc/systemd/system/var-lib-kubelet-pods-.mount.d/whisklab.conf": (_OUTLIVES_PODS, 0o644),
    "etc/systemd/system/run-.scope.d/whisklab.conf": (_OUTLIVES_PODS, 0o644),
    "etc/systemd/system/ssh.service.d/whisklab.conf": (_SSH_UNIT, 0o644),
    "etc/systemd/system.conf.d/whisklab.conf": (_SYSTEM, 0o644),
    "etc/ssh/sshd_config.d/whisklab.conf": (_SSHD, 0o644),
    "etc/apt/sources.list": (f"deb [trusted=yes] file:/{REPOSITORY} ./\n", 0o644),
    "etc/hostname": ("whisklab\n", 0o644),
    "etc/resolv.conf": ("", 0o644),
    "etc/machine-id": ("", 0o444),
    "etc/hosts": ("127.0.0.1 localhost\n::1 localhost\n", 0o644),
}
LINKS: dict[str, str] = {
    "etc/systemd/system/sysinit.target.wants/whisklab-lab-setup.service": (
        "/etc/systemd/system/whisklab-lab-setup.service"
    ),
    "etc/systemd/system/multi-user.target.wants/whisklab-lab-end-pods.service": (
        "/etc/systemd/system/whisklab-lab-end-pods.service"
    ),
    **{f"etc/systemd/system/{unit}": "/dev/null" for unit in MASKED},
}
