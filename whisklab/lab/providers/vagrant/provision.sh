#!/bin/sh
# Makes a machine one of a lab, from the files that were brought: its user, its host key, its marker.
# Run as root by Vagrant, at the first start or by `vagrant provision`; may be run again.
set -eu
from=/tmp/whisklab
trap 'rm -rf "$from"' EXIT
user=$(cat "$from/user")
id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$user"
home=$(getent passwd "$user" | cut -d: -f6)
install -d -m 0700 -o "$user" -g "$user" "$home/.ssh"
install -m 0600 -o "$user" -g "$user" "$from/authorized_keys" "$home/.ssh/authorized_keys"
printf '%s ALL=(ALL) NOPASSWD:ALL\n' "$user" > "$from/sudoers"
install -m 0440 "$from/sudoers" /etc/sudoers.d/90-whisklab
install -m 0600 "$from/host_key" /etc/ssh/ssh_host_ed25519_key
install -m 0644 "$from/host_key.pub" /etc/ssh/ssh_host_ed25519_key.pub
install -d -m 0755 /var/lib/whisklab
systemctl reload ssh 2>/dev/null || systemctl reload sshd
# Last: with it the machine is one of the lab.
install -m 0644 "$from/marker" /var/lib/whisklab/machine
