"""The life of a lab: up, stop, start, rebuild, down. What the `whisklab` verbs call."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput
from whisklab.lab import kernel, keys, state
from whisklab.lab.catalogue import Choice, choose
from whisklab.lab.common.process import boot_id
from whisklab.lab.root import Report, ask
from whisklab.lab.state import StatePaths
from whisklab.lab.topology import Topology, load, parse
from whisklab.lab.user_lock import user_lock


def up(
    name: str,
    topology: Path | None,
    report: Report,
    *,
    catalogue: str | None = None,
    prune: bool = False,
) -> dict[str, Any]:
    """Bring a lab up to its topology; what is there already stays as it is.

    Returns:
        What root's part did (see providers.nspawn.lab.up), the `catalogue` and `why` it is that,
        and whether this is the `first` time that it was done to the end.

    Raises:
        BadInput: the topology or the name is wrong; nothing was done.
        WhisklabError: a host could not be made or does not answer.
    """
    paths = state.paths(name)
    wish = load(topology) if topology else _remembered(name, paths)
    with user_lock(name, report):
        # First: stand-ins that cannot be built are told before any host is made.
        chosen = choose(
            catalogue or wish.catalogue, _catalogue_before(name), report, internet=wish.internet
        )
        result = ask("up", {**_request(name, wish, paths, report), "prune": prune}, report)
        first = state.load(name) is None
        return {**_finish(name, wish, paths, result, chosen), "first": first}


def rebuild(name: str, only: Sequence[str], report: Report) -> dict[str, Any]:
    """Give hosts (all, when none is named) fresh disks; ports, addresses, keys stay.

    Raises:
        BadInput: there is no such lab or host.
    """
    paths = state.paths(name)
    wish = _remembered(name, paths)
    with user_lock(name, report):
        before = _catalogue_before(name)
        chosen = choose(wish.catalogue, before, report, internet=wish.internet)
        result = ask("rebuild", {**_request(name, wish, paths, report), "only": list(only)}, report)
        return _finish(name, wish, paths, result, chosen)


def stop(name: str, report: Report) -> dict[str, Any]:
    """Power the hosts off; their disks stay.

    Raises:
        BadInput: there is no such lab.
    """
    with user_lock(name, report):
        result = ask("stop", {"name": name}, report)
        _mark_stopped(name)
        return result


def down(name: str, report: Report) -> dict[str, Any]:
    """Remove a lab and everything that was made for it; nothing when there is none."""
    paths = state.paths(name)
    with user_lock(name, report) as lock:
        result = ask("down", {"name": name}, report)
        if paths.top.is_dir():
            shutil.rmtree(paths.top)
        lock.unlink()
        return result


def clean(report: Report) -> dict[str, Any]:
    """Remove the cached images that no lab's host uses."""
    return ask("clean", {}, report)


def _remembered(name: str, paths: StatePaths) -> Topology:
    try:
        text = paths.topology.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"there is no lab {name!r}: run `whisklab up {name}`") from None
    return parse(text, str(paths.topology))


def _request(name: str, wish: Topology, paths: StatePaths, report: Report) -> dict[str, Any]:
    """What root needs to know. Makes the keys that are missing."""
    mount_nfs = kernel.nfs_client(wish, report)
    paths.top.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "name": name,
        "user": wish.user,
        "authorized_key": keys.user_key(paths, name),
        "network": str(wish.network),
        "internet": wish.internet,
        "mount_nfs": str(mount_nfs) if mount_nfs else None,
        "hosts": [
            {
                "name": host,
                "address": str(address),
                "forward": wish.hosts[host].forward,
                "host_key": keys.host_key(paths, host)[0],
                "kernel": kernel.chosen(wish.hosts[host]),
            }
            for host, address in wish.addresses().items()
        ],
    }


def _finish(
    name: str, wish: Topology, paths: StatePaths, result: dict[str, Any], chosen: Choice
) -> dict[str, Any]:
    """Write down how to reach what root has made."""
    lines = []
    hosts = []
    for host, address in wish.addresses().items():
        ports = {str(port): local for port, local in result["hosts"][host].items()}
        ssh = ports.pop("22")
        lines.append(keys.known_hosts_line(ssh, keys.host_key(paths, host)[1]))
        groups = [str(group) for group in wish.hosts[host].groups]
        hosts.append(state.Host(host, groups, "127.0.0.1", ssh, str(address), ports))
    state.write(paths.known_hosts, "".join(lines))
    state.write(paths.topology, wish.model_dump_json(indent=1) + "\n")
    state.save(
        state.Lab(
            name=name,
            provider=wish.provider,
            user=wish.user,
            key=str(paths.key),
            known_hosts=str(paths.known_hosts),
            catalogue=chosen.catalogue,
            running=True,
            boot_id=boot_id(),
            hosts=hosts,
        )
    )
    return {**result, "catalogue": chosen.catalogue, "why": chosen.why}


def _catalogue_before(name: str) -> str | None:
    before = state.load(name)
    return before.catalogue if before else None


def _mark_stopped(name: str) -> None:
    if lab := state.load(name):
        state.save(replace(lab, running=False))
