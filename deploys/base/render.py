"""What `base` writes, as pure functions of its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping

HOSTS = "/etc/hosts"
HEADER = "# Written by whisklab (deploys/base); changes are undone by the next run."


def modules_file(modules: list[str]) -> str:
    """Return the content of a file in /etc/modules-load.d."""
    return "\n".join([HEADER, *modules])


def sysctl_file(settings: Mapping[str, int]) -> str:
    """Return the content of a file in /etc/sysctl.d; "-": a key that is not there is no error."""
    return "\n".join([HEADER, *(f"-{key} = {settings[key]}" for key in sorted(settings))])


def networkd_file() -> str:
    """Return the content of a file in /etc/systemd/networkd.conf.d.

    When networkd starts again, after an update say, it removes routes and rules that are none of
    its own, such as those between pods (networkd.conf(5); without networkd nobody reads it).
    """
    keys = ("ManageForeignRoutes", "ManageForeignRoutingPolicyRules")
    return "\n".join([HEADER, "[Network]", *(f"{key}=no" for key in keys)])


# Of Debian's and Ubuntu's packages apt, fwupd, base-files, ubuntu-pro-client, update-notifier.
UPDATERS = (
    "apt-daily", "apt-daily-upgrade", "apt-news", "esm-cache", "fwupd-refresh", "motd-news",
    "ua-timer", "update-notifier-download",
)  # fmt: skip


def silencer(service: str) -> str:
    """Return the path of the file that lets a service never start."""
    return f"/etc/systemd/system/{service}.service.d/whisklab.conf"


def silencing_file() -> str:
    """Return its content: a condition that never holds, by which a start is skipped, not failed."""
    return "\n".join([HEADER, "[Unit]", "ConditionPathExists=!/"])


# The words of cloud-init's templates, at the top of what it writes anew at each start where
# `manage_etc_hosts` is true, as with Multipass (its config/cloud-init templates/hosts.*.tmpl).
_MASTER_FILE = re.compile(
    r"^# .*make changes to the master file in (/etc/cloud/templates/[\w.-]+)$", re.M
)


def hosts_template(hosts: str) -> str | None:
    """Return what cloud-init makes /etc/hosts of, by that file's text; None where it does not."""
    found = _MASTER_FILE.search(hosts)
    return found[1] if found else None


def hosts_lines(addresses: Mapping[str, str]) -> list[str]:
    """Return the lines of /etc/hosts for these machines (name to address), sorted by name."""
    return [f"{addresses[name]} {name}" for name in sorted(addresses)]
