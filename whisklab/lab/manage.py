"""The life of a lab: up, stop, start, rebuild, down. What the `whisklab` verbs call."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab import catalogue as artifacts
from whisklab.lab import provider as providers
from whisklab.lab import records, state
from whisklab.lab.beside import beside
from whisklab.lab.catalogue import Choice
from whisklab.lab.common.run import Report
from whisklab.lab.provider import Stopped, Unused, Up
from whisklab.lab.state import StatePaths
from whisklab.lab.topology import Topology, load
from whisklab.lab.user_lock import user_lock


@dataclass(frozen=True)
class Brought:
    """How a lab came up.

    Attributes:
        up: what the provider did.
        choice: where its artifacts come from, and why.
        first: whether this is the first time that it was done to the end.
    """

    up: Up
    choice: Choice
    first: bool = False


def up(
    name: str,
    topology: Path | None,
    report: Report,
    *,
    catalogue: str | None = None,
    prune: bool = False,
    recover: bool = False,
) -> Brought:
    """Bring a lab up to its topology; what is there already stays as it is.

    Args:
        name: of the lab.
        topology: its file; None for the one that it was brought up with.
        report: hears of each step.
        catalogue: where artifacts come from, unless the topology is to say it.
        prune: remove machines that are not in the topology.
        recover: bring back machines that somebody has deleted.

    Raises:
        BadInput: the topology or the name is wrong; nothing was done.
        WhisklabError: a host could not be made or does not answer.
    """
    paths = state.paths(name)
    plan = load(topology) if topology else records.remembered(name)
    with user_lock(name, report):
        refuse_other(name, plan)
        before = state.load(name)
        choice = _chosen(catalogue, plan, before)
        if before is None:  # now, and not when stand-ins were built and machines made
            report(str(choice))
        plan = plan.settled(choice.internet)
        wish = records.wish_of(name, plan, paths)
        provider = providers.get(plan.provider)
        provider.check(wish)

        def made(say: Report) -> str:
            return artifacts.made(choice, say)

        # First: stand-ins that cannot be built are told before any host is made.
        if before:
            used = made(report)
        else:
            used, _ = beside(made, lambda say: provider.prepare(wish, say), report)
        result = provider.up(wish, report, prune=prune, recover=recover)
        records.write_down(name, plan, paths, result, used)
        return Brought(result, choice, first=before is None)


def rebuild(name: str, only: Sequence[str], report: Report) -> Brought:
    """Give hosts (all, when none is named) fresh disks; ports, addresses, keys stay.

    Raises:
        BadInput: there is no such lab or host.
    """
    paths = state.paths(name)
    plan = records.remembered(name)
    with user_lock(name, report):
        choice = _chosen(None, plan, state.load(name))
        used = artifacts.made(choice, report)
        wish = records.wish_of(name, plan, paths)
        provider = providers.get(plan.provider)
        provider.check(wish)
        result = provider.rebuild(wish, tuple(only), report)
        records.write_down(name, plan, paths, result, used)
        return Brought(result, choice)


def stop(name: str, report: Report) -> Stopped:
    """Power the hosts off; their disks stay.

    Raises:
        BadInput: there is no such lab.
    """
    with user_lock(name, report):
        result = provider_of(name).stop(name, report)
        records.mark_stopped(name)
        return result


def down(name: str, report: Report, *, unknown: bool = False) -> tuple[str, ...]:
    """Remove a lab and everything that was made for it, but its snapshots; nothing if none.

    Args:
        name: of the lab.
        report: hears of each step.
        unknown: also a lab that another state directory knows, or none any more.

    Returns:
        The names of the machines that are gone.

    Raises:
        BadInput: the lab is unknown here, and `unknown` is not given.
    """
    paths = state.paths(name)
    if not (unknown or paths.top.is_dir()):
        _refuse_unknown(name, paths)
    with user_lock(name, report) as lock:
        removed = provider_of(name).down(name, report)
        if paths.top.is_dir():
            shutil.rmtree(paths.top)
        lock.unlink()
        return removed


def _refuse_unknown(name: str, paths: StatePaths) -> None:
    there = provider_of(name).machines(name)
    if there:
        raise BadInput(
            f"the lab {name!r} ({', '.join(there)}) is not known in {paths.top.parent}: it was "
            "made with another XDG_STATE_HOME; set that, or remove the lab with --unknown"
        )


def clean(report: Report, *, dry: bool = False) -> tuple[Unused, ...]:
    """Remove cached images and builds of stand-ins that no lab and no snapshot uses.

    Returns:
        What was removed; with `dry`, what would be.
    """
    from whisklab.lab.standins import old  # noqa: PLC0415 (it knows how each is built)

    each = (providers.get(name).clean(report, dry=dry) for name in providers.names())
    images = tuple(image for found in each for image in found)
    used = [lab.catalogue for name in state.names() if (lab := state.load(name))]
    return images + old.clean([*used, *_catalogues_of_snapshots(report)], report, dry=dry)


def _catalogues_of_snapshots(report: Report) -> Iterator[str]:
    """The catalogues of all snapshots that could be restored."""
    for provider in map(providers.get, providers.names()):
        for lab in sorted(provider.kept()):
            for snapshot in provider.snapshots(lab, report):
                try:
                    yield provider.recall(lab, snapshot.name, report)["catalogue"]
                except WhisklabError as error:  # another user's, who has his own builds, or damaged
                    report(f"{lab}@{snapshot.name} is left alone: {error}")


def provider_of(name: str) -> providers.Provider:
    """The provider of a lab; where nothing is written down of it, who knows it.

    (Nothing is, when its first `up` has failed, or when the state was lost.)
    """
    if lab := state.load(name):
        return providers.get(lab.provider)
    each = [providers.get(known) for known in providers.names()]
    default = providers.get(Topology.model_fields["provider"].default)
    return next((provider for provider in each if provider.knows(name)), default)


def refuse_other(name: str, plan: Topology) -> None:
    """Refuse a topology of another provider than that of the machines that a lab has.

    Raises:
        BadInput: they would be forgotten, and run on.
    """
    for other in providers.names():
        if other != plan.provider and providers.get(other).machines(name):
            raise BadInput(
                f"{name}: its machines are those of the provider {other}, and the topology says "
                f"{plan.provider}: `whisklab down {name}` first, or give the new lab another name"
            )


def asks(name: str) -> bool:
    """Whether a person is to be asked before a lab is removed; no for one that is not there."""
    return state.load(name) is not None and provider_of(name).asks


def _chosen(catalogue: str | None, plan: Topology, before: state.Lab | None) -> Choice:
    """Where artifacts come from; what the lab has had so far stays, unless something else is said.

    Args:
        catalogue: what was said just now.
        plan: what the topology says.
        before: the lab as it was so far.
    """
    kept, internet = before.catalogue if before else None, plan.way_out
    if before and internet == "auto":
        internet = before.internet
    return artifacts.choose(catalogue or plan.catalogue, kept, internet)
