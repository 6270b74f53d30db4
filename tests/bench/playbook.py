"""The forty items as tasks of ansible-core, each written in the way that costs Ansible least.

Its module for packages needs python3-apt on the host, and the one for settings of the kernel is in
no part of ansible-core: both are a shell command here, which is quicker than a module.
"""

from __future__ import annotations

import shlex
from typing import Any

from tests.bench.items import Items

_OWNER = {"owner": "root", "group": "root"}
_PACKAGES = """
lacking() {{ test "$(dpkg-query -W -f '${{db:Status-Status}} ' {names})" != '{installed}'; }}
! lacking || {{ apt-get -q -y install --no-install-recommends {names} && echo changed; }}
"""
_SETTING = 'test "$(sysctl -n {key})" = {value} || {{ sysctl -w {key}={value} && echo changed; }}'


def playbook(wanted: Items) -> list[dict[str, Any]]:
    """Return a play with a task for each item. Pure."""
    tasks = [*_files(wanted), *_shell(wanted), *_services(wanted)]
    return [{"hosts": "all", "gather_facts": False, "become": True, "tasks": tasks}]


def _files(wanted: Items) -> list[dict[str, Any]]:
    return [
        *(_task("file", path=path, state="directory", mode="0755", **_OWNER)
          for path in wanted.directories),
        *(_task("copy", dest=each.path, content=each.content, mode="0644", **_OWNER)
          for each in wanted.files),
        *(_task("file", path=each.path, src=each.target, state="link") for each in wanted.links),
    ]  # fmt: skip


def _shell(wanted: Items) -> list[dict[str, Any]]:
    packages = [
        _PACKAGES.format(names=shlex.join(names), installed="installed " * len(names))
        for names in wanted.packages
    ]
    settings = [_SETTING.format(key=key, value=value) for key, value in wanted.sysctls.items()]
    told = {"register": "said", "changed_when": "'changed' in said.stdout"}
    return [_task("shell", cmd=each) | told for each in [*packages, *settings]]


def _services(wanted: Items) -> list[dict[str, Any]]:
    return [
        _task("systemd_service", name=name, state="started", enabled=True)
        for name in wanted.services
    ]


def _task(module: str, **arguments: Any) -> dict[str, Any]:
    return {f"ansible.builtin.{module}": arguments}


def inventory(hosts: Any) -> dict[str, Any]:
    """Return an inventory of hosts for Ansible. Pure."""
    return {"all": {"hosts": {each.name: _variables(each) for each in hosts}}}


def _variables(host: Any) -> dict[str, Any]:
    return {
        "ansible_host": host.address,
        "ansible_port": host.port,
        "ansible_user": host.user,
        "ansible_ssh_private_key_file": host.key,
        "ansible_ssh_common_args": shlex.join(host.options()),
        "ansible_python_interpreter": "/usr/bin/python3",  # else it is looked for each time
    }
