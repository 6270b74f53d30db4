"""What is written down of a lab on the laptop: topology, keys, how its hosts are reached."""

from __future__ import annotations

from dataclasses import replace

from whisklab.errors import BadInput
from whisklab.lab import keys, state
from whisklab.lab.common.machine import Machine
from whisklab.lab.common.process import boot_id
from whisklab.lab.provider import Up, Wish
from whisklab.lab.state import StatePaths
from whisklab.lab.topology import Topology, parse


def remembered(name: str) -> Topology:
    """The topology that a lab was last brought up with.

    Raises:
        BadInput: there is no such lab.
    """
    file = state.paths(name).topology
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"there is no lab {name!r}: run `whisklab up {name}`") from None
    return parse(text, str(file))


def wish_of(name: str, plan: Topology, paths: StatePaths) -> Wish:
    """What a provider needs to know. Makes the keys that are missing."""
    paths.top.mkdir(mode=0o700, parents=True, exist_ok=True)
    machines = plan.machines()
    return Wish(
        name=name,
        user=plan.user,
        authorized_key=keys.user_key(paths, name),
        key=paths.key,
        network=plan.network,
        internet=plan.internet is True,
        options=plan.options(),
        machines=machines,
        host_keys={each.name: keys.host_key(paths, each.name)[0] for each in machines},
    )


def write_down(name: str, plan: Topology, paths: StatePaths, up: Up, catalogue: str) -> None:
    """Write down how to reach what the provider has made; of what it lacks just now, as before.

    (A machine that is away for now is still one of the lab: without it, runs would take the others
    for all there are.)
    """
    before = state.load(name)
    known = {each.name: each for each in before.hosts} if before else {}
    hosts = [
        found
        for each in plan.machines()
        if (found := _reached(each, up) or known.get(each.name))  # else it was never reached
    ]
    lines = [
        keys.known_hosts_line(each.ssh_address, each.ssh_port, keys.host_key(paths, each.name)[1])
        for each in hosts
    ]
    state.write(paths.known_hosts, "".join(lines))
    state.write(paths.topology, plan.text())
    state.save(
        state.Lab(
            name=name,
            provider=plan.provider,
            user=plan.user,
            key=str(paths.key),
            known_hosts=str(paths.known_hosts),
            catalogue=catalogue,
            running=True,
            boot_id=boot_id(),
            hosts=hosts,
            internet=plan.way_out is True,
        )
    )


def _reached(machine: Machine, up: Up) -> state.Host | None:
    how = up.machines.get(machine.name)
    if how is None:
        return None
    forwards = {str(port): local for port, local in how.forwards.items()}
    made = replace(machine, address=how.inside)
    return state.Host(made, how.address, how.port, forwards, how.interface)


def mark_stopped(name: str) -> None:
    """Write down that a lab's hosts do not run."""
    if lab := state.load(name):
        state.save(replace(lab, running=False))
